open Xenctrl_claims

type t = {
  host : string;
  builders : int;
  nodes : Xenctrl.node_memory list;
  builds : Build.t list;
  seconds : float;
}

let sum f items = List.fold_left (fun total item -> total + f item) 0 items
let mib pages = Int64.to_int pages / Build.pages_per_mib
let plural n word = Printf.sprintf "%d %s%s" n word (if n = 1 then "" else "s")

(* Tables: each column is as wide as its widest cell, the last as its own. *)

type align = Left | Right

let table aligns rows =
  let widths =
    List.mapi
      (fun i _ -> List.fold_left (fun w row -> max w (String.length (List.nth row i))) 0 rows)
      aligns
  in
  let cell align width text =
    let fill = String.make (width - String.length text) ' ' in
    match align with Left -> text ^ fill | Right -> fill ^ text
  in
  let rec line aligns widths row =
    match (aligns, widths, row) with
    | [ Left ], _, [ text ] -> [ text ]
    | align :: aligns, width :: widths, text :: row ->
        cell align width text :: line aligns widths row
    | _ -> []
  in
  List.map (fun row -> String.concat "  " (line aligns widths row)) rows

(* VMs *)

let parts_in_words parts =
  let part ({ node; mib } : Plan.part) = Printf.sprintf "node %d: %d MiB" node mib in
  String.concat ", " (List.map part parts)

let preference_in_words (vm : Vm_list.vm) = function
  | Plan.Unasked -> ""
  | Honoured -> " (preferred)"
  | Full mib ->
      Printf.sprintf " (not the preferred %s: %d MiB claimable)" (Words.nodes vm.nodes) mib

let refusal_in_words (vm : Vm_list.vm) = function
  | Build.Outrun ->
      Printf.sprintf "other builders were faster %d times; try fewer builders" Build.max_attempts
  | Short nodes -> (
      match List.filter (fun (node : Plan.node) -> node.claimable_mib > 0) nodes with
      | [] -> Printf.sprintf "%d MiB wanted, nothing claimable on any node" vm.mib
      | nodes ->
          Printf.sprintf "%d MiB wanted, %d MiB claimable on %s" vm.mib
            (sum (fun (node : Plan.node) -> node.claimable_mib) nodes)
            (Words.nodes (List.map (fun (node : Plan.node) -> node.id) nodes)))

let vm_row ({ vm; outcome; _ } : Build.t) =
  let domid, memory =
    match outcome with
    | Built { domid; plan } ->
        (string_of_int domid, parts_in_words plan.parts ^ preference_in_words vm plan.preference)
    | Refused refusal -> ("-", "refused: " ^ refusal_in_words vm refusal)
    | Failed reason -> ("-", "failed: " ^ reason)
  in
  [ vm.name; string_of_int vm.mib; domid; memory ]

let vm_table builds =
  table [ Left; Right; Right; Left ] ([ "VM"; "MiB"; "domid"; "memory" ] :: List.map vm_row builds)

(* Nodes *)

let used_pages (node : Xenctrl.node_memory) = Int64.sub node.size node.free

let node_table nodes =
  (* Used is what is not free in MiB too, so that a row adds up. *)
  let size (node : Xenctrl.node_memory) = mib node.size in
  let free (node : Xenctrl.node_memory) = mib node.free in
  let claimed (node : Xenctrl.node_memory) = mib node.claimed in
  let used node = size node - free node in
  let columns = [ size; used; claimed; free ] in
  let row label nodes = label :: List.map (fun f -> string_of_int (sum f nodes)) columns in
  let node_row (node : Xenctrl.node_memory) = row (string_of_int node.node) [ node ] in
  let header = [ "node"; "size MiB"; "used MiB"; "claimed MiB"; "free MiB" ] in
  table
    [ Right; Right; Right; Right; Right ]
    ((header :: List.map node_row nodes) @ [ row "all" nodes ])

(* Summary *)

let header { host; builders; nodes; builds; _ } =
  let pages = sum (fun (node : Xenctrl.node_memory) -> Int64.to_int node.size) nodes in
  Printf.sprintf "Host %s: %s, %.1f GiB. %s, %s." host
    (plural (List.length nodes) "node")
    (float_of_int pages /. float_of_int (1024 * Build.pages_per_mib))
    (plural (List.length builds) "VM")
    (plural builders "builder")

let refused_because which why builds =
  match List.filter which builds with
  | [] -> []
  | refused ->
      [
        Printf.sprintf "Refused because %s: %s, %d MiB together." why
          (plural (List.length refused) "VM")
          (sum (fun (build : Build.t) -> build.vm.mib) refused);
      ]

let is_built (build : Build.t) = match build.outcome with Built _ -> true | _ -> false
let is_failed (build : Build.t) = match build.outcome with Failed _ -> true | _ -> false

let refused builds =
  let short (build : Build.t) = match build.outcome with Refused (Short _) -> true | _ -> false in
  let outrun (build : Build.t) = match build.outcome with Refused Outrun -> true | _ -> false in
  refused_because short "too little was claimable" builds
  @ refused_because outrun "other builders were faster too often" builds

let last { builds; seconds; _ } =
  let built = List.length (List.filter is_built builds) in
  let failed = List.length (List.filter is_failed builds) in
  let retries = sum (fun (build : Build.t) -> build.retries) builds in
  Printf.sprintf "%d built, %d refused,%s %s after losing a race, %.3f s" built
    (List.length builds - built - failed)
    (if failed = 0 then "" else Printf.sprintf " %d failed," failed)
    (if retries = 1 then "1 retry" else Printf.sprintf "%d retries" retries)
    seconds

let to_string report =
  let sections =
    [
      [ header report ];
      vm_table report.builds;
      node_table report.nodes;
      refused report.builds @ [ last report ];
    ]
  in
  String.concat "\n" (List.map (fun lines -> String.concat "\n" lines ^ "\n") sections)

let problems { nodes; builds; _ } ~exact ~outstanding_pages =
  let failed ({ vm; outcome; _ } : Build.t) =
    match outcome with
    | Failed reason -> Some (Printf.sprintf "%s failed: %s" vm.name reason)
    | Built _ | Refused _ -> None
  in
  let claimed (node : Xenctrl.node_memory) =
    if node.claimed = 0L then None
    else Some (Printf.sprintf "bug: node %d still has %Ld pages claimed" node.node node.claimed)
  in
  let host =
    if outstanding_pages = 0L then []
    else [ Printf.sprintf "bug: the host still has %Ld pages claimed" outstanding_pages ]
  in
  let parts =
    List.concat_map
      (fun (build : Build.t) ->
        match build.outcome with Built { plan; _ } -> plan.parts | Refused _ | Failed _ -> [])
      builds
  in
  let unaccounted (node : Xenctrl.node_memory) =
    let of_vms (part : Plan.part) = if part.node = node.node then part.mib else 0 in
    let expected = sum of_vms parts * Build.pages_per_mib in
    if Int64.to_int (used_pages node) = expected then None
    else
      Some
        (Printf.sprintf "bug: node %d has %Ld pages in use, but VMs have %d" node.node
           (used_pages node) expected)
  in
  List.filter_map failed builds @ List.filter_map claimed nodes @ host
  @ if exact then List.filter_map unaccounted nodes else []
