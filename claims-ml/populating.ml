type call = { order : int; extents : int; placement : Types.placement }
type plan = { affinity : int list; calls : call list }

(* 1 GiB, 2 MiB, 4 KiB. *)
let orders = [ 18; 9; 0 ]

let calls placement pages =
  let rec go pages = function
    | order :: orders ->
        let extents = pages lsr order in
        let rest = go (pages - (extents lsl order)) orders in
        if extents = 0 then rest else { order; extents; placement } :: rest
    | [] -> []
  in
  go pages orders

let plan (set : Types.claim array) =
  let claims = List.filter (fun (c : Types.claim) -> c.pages > 0L) (Array.to_list set) in
  let host, nodes = List.partition (fun (c : Types.claim) -> c.target = -1l) claims in
  let by_node (a : Types.claim) (b : Types.claim) = Int32.compare a.target b.target in
  let nodes = List.sort by_node nodes in
  let node (c : Types.claim) = Int32.to_int c.target in
  let pages (c : Types.claim) = Int64.to_int c.pages in
  (* Host-wide last: pages taken from a claimed node use up the claim on that node first (1.9), and
     what was promised there could be anywhere then. *)
  let of_node c = calls (Exact (node c)) (pages c) in
  let of_host c = calls Any (pages c) in
  {
    affinity = List.map node nodes;
    calls = List.concat_map of_node nodes @ List.concat_map of_host host;
  }

let rest call ~given =
  if given < 0 || given > call.extents then
    invalid_arg (Printf.sprintf "Claims.rest: given is %d, not in 0..%d" given call.extents);
  let smaller = List.find_opt (fun order -> order < call.order) orders in
  match (call.extents - given, smaller) with
  | 0, _ -> None
  | left, None -> Some { call with extents = left }
  | left, Some order -> Some { call with order; extents = left lsl (call.order - order) }
