(** {!Claim_sets.Claims}, and claiming with handles of {!Xenctrl}.

    {[
      let build xc domid ~pages =
        match Claims.claim_with_plan xc domid ~pages Pack with
        | Error error -> Error (Format.asprintf "%a" Claims.pp_error error)
        | Ok { claims; _ } ->
            let { Claims.affinity; calls } = Claims.populate_plan claims in
            if affinity <> [] then Xenctrl.domain_set_node_affinity xc domid affinity;
            Ok calls
    ]}

    A bug of this library raises {!Xenctrl.Panic}. *)

include module type of struct
  include Claim_sets.Claims
end

module Xen : HYPERVISOR with type handle = Xenctrl.handle
(** What it asks. To have something answered otherwise, include this in what {!Make} is given. *)

include S with type handle := Xenctrl.handle
