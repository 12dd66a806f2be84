open Xenctrl_claims

type nodes = { nodes : Xenctrl.node_memory list; host : Xenctrl.host_memory }
type domain = { info : Xenctrl.domain_info; claims : Xenctrl.claim list }

let nodes xc = { nodes = Xenctrl.node_memory xc; host = Xenctrl.host_memory xc }

let claiming xc =
  let domain (info : Xenctrl.domain_info) =
    if info.claimed_pages = 0L then None
    else
      match Claim_set.of_domain xc info.domid with
      | [] | (exception Unix.Unix_error (ESRCH, _, _)) -> None
      | claims -> Some { info; claims }
  in
  List.filter_map domain (Xenctrl.domain_list xc)

(* While memory goes offline, more may be claimed than is free. *)
let difference free claimed = Int64.max 0L (Int64.sub free claimed)
let claimable { host; _ } = difference host.free_pages host.outstanding_pages
let claimable_of_node (node : Xenctrl.node_memory) = difference node.free node.claimed

let state (info : Xenctrl.domain_info) =
  if info.dying then "dying"
  else
    match (info.paused, info.cpu_time) with
    | true, 0L -> "paused, never run"
    | true, _ -> "paused"
    | false, _ -> "running"
