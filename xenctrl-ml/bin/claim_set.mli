(** Claims as people write them: [0=2G 1=1G host=512M]. *)

open Xenctrl_claims

val claim_of_string : string -> (Xenctrl.claim, string) result
(** [claim_of_string s] is the claim that [s], TARGET=SIZE, says. TARGET is a node id or [host]. The
    error says what is wrong with [s]. *)

val node : string -> int option
(** [node s] is the node with id [s], 0..63. *)

val nodes_first : Xenctrl.claim list -> Xenctrl.claim list
(** [nodes_first claims] is [claims] with those host-wide at the end. *)

val fault : Xenctrl.claim list -> string option
(** [fault claims] is why [claims] are no claim set: a target is there twice, or there are more
    pages than can be counted. *)

val target : int32 -> string
(** [target t] is [t] as it is written before the [=]. *)

val to_string : Xenctrl.claim list -> string
(** [to_string claims] is what {!claim_of_string} reads, nodes first; ["nothing"] if [claims] is
    empty. *)

val of_domain : Xenctrl.handle -> Xenctrl.domid -> Xenctrl.claim list
(** [of_domain h d] is what [d] claims, nodes first.

    Raises as {!Xenctrl.domain_claim_memory_get}. *)
