open Xenctrl_claims

type refusal = Short of Plan.node list | Outrun

type outcome =
  | Built of { domid : Xenctrl.domid; plan : Plan.t }
  | Refused of refusal
  | Failed of string

type t = { vm : Vm_list.vm; outcome : outcome; retries : int }

let max_attempts = 64
let pages_per_mib = 256

(* 1 GiB, 2 MiB, 4 KiB. *)
let orders = [ 18; 9; 0 ]

let nodes xc =
  let claimable ({ node; free; claimed; _ } : Xenctrl.node_memory) : Plan.node =
    { id = node; claimable_mib = Int64.to_int (Int64.sub free claimed) / pages_per_mib }
  in
  List.map claimable (Xenctrl.node_memory xc)

(* The memory of [domid] once it is claimed, and how often another builder was faster. *)
let rec claim xc domid ({ mib; nodes = preferred; _ } as vm : Vm_list.vm) ~retries =
  let now = nodes xc in
  match Plan.make now ~mib ~preferred with
  | None -> (Error (Short now), retries)
  | Some plan -> (
      let claim_of ({ node; mib } : Plan.part) : Xenctrl.claim =
        { pages = Int64.of_int (mib * pages_per_mib); target = Int32.of_int node }
      in
      match Xenctrl.domain_claim_memory xc domid (Array.of_list (List.map claim_of plan.parts)) with
      | () -> (Ok plan, retries)
      | exception Unix.Unix_error (ENOMEM, _, _) ->
          if retries + 1 = max_attempts then (Error Outrun, retries)
          else claim xc domid vm ~retries:(retries + 1))

(* From exactly that node, as the claim is worth nothing elsewhere. Large extents first: fewer
   entries in the tables of the VM, fewer misses when it runs. *)
let populate xc domid ({ node; mib } : Plan.part) =
  let with_order left order =
    let extents = left lsr order in
    if extents = 0 then left
    else left - (Xenctrl.domain_populate xc domid ~order ~extents (Exact node) lsl order)
  in
  match List.fold_left with_order (mib * pages_per_mib) orders with
  | 0 -> Ok ()
  | pages ->
      Error
        (Printf.sprintf "node %d did not give %d pages of the %d MiB claimed on it" node pages mib)

let rec populate_all xc domid = function
  | [] -> Ok ()
  | part :: parts -> Result.bind (populate xc domid part) (fun () -> populate_all xc domid parts)

let in_domain xc (vm : Vm_list.vm) domid =
  (* Maximum memory is in KiB. *)
  Xenctrl.domain_setmaxmem xc domid (Int64.of_int (vm.mib * 1024));
  match claim xc domid vm ~retries:0 with
  | Error refusal, retries -> { vm; outcome = Refused refusal; retries }
  | Ok plan, retries ->
      Xenctrl.domain_set_node_affinity xc domid
        (List.map (fun (part : Plan.part) -> part.node) plan.parts);
      let outcome =
        match populate_all xc domid plan.parts with
        | Ok () -> Built { domid; plan }
        | Error reason -> Failed reason
      in
      { vm; outcome; retries }

let vm xc (vm : Vm_list.vm) =
  let failed reason = { vm; outcome = Failed reason; retries = 0 } in
  try
    let domid = Xenctrl.domain_create xc in
    let built = ref false in
    Fun.protect
      ~finally:(fun () -> if not !built then Xenctrl.domain_destroy xc domid)
      (fun () ->
        let result = in_domain xc vm domid in
        (built := match result.outcome with Built _ -> true | Refused _ | Failed _ -> false);
        result)
  with
  | Unix.Unix_error (error, call, _) ->
      failed (Printf.sprintf "%s: %s" call (Unix.error_message error))
  | Xenctrl.Panic reason -> failed reason
