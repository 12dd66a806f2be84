(* A connection by the primitives of the library this is compiled into: there is another one in
   testing/. *)

open Primitives

type Connection.inner += Raw of handle

let connection raw : Connection.t =
  {
    inner = Raw raw;
    close = (fun () -> xen_claims_close raw);
    set = (fun domid claims -> xen_claims_set raw domid claims);
    get = (fun domid -> xen_claims_get raw domid);
    claim_pages = (fun domid pages -> xen_claims_claim_pages raw domid pages);
    has_claim_sets = (fun () -> xen_claims_has_claim_sets raw);
    nodes = (fun () -> xen_claims_nodes raw);
    distances = (fun () -> xen_claims_distances raw);
    host = (fun () -> xen_claims_host raw);
    domains = (fun () -> xen_claims_domains raw);
    set_node_affinity = (fun domid nodes -> xen_claims_set_node_affinity raw domid nodes);
  }

let open_xen () =
  match xen_claims_open_xen () with
  | Ok raw -> connection raw
  | Error { errno; reason } ->
      raise (Unix.Unix_error (Failures.unix_error errno, "interface_open", reason))
