type node = { id : int; claimable_mib : int }
type part = { node : int; mib : int }
type preference = Unasked | Honoured | Full of int
type t = { parts : part list; preference : preference }

let total nodes = List.fold_left (fun sum node -> sum + node.claimable_mib) 0 nodes

(* Emptiest first: if the first has enough, that is the single node of choice. *)
let emptiest_first a b =
  match Int.compare b.claimable_mib a.claimable_mib with
  | 0 -> Int.compare a.id b.id
  | order -> order

let pack nodes mib =
  let rec take left = function
    | node :: nodes when left > 0 && node.claimable_mib > 0 ->
        let mib = min left node.claimable_mib in
        { node = node.id; mib } :: take (left - mib) nodes
    | _ -> []
  in
  if total nodes < mib then None
  else
    let parts = take mib (List.sort emptiest_first nodes) in
    Some (List.sort (fun a b -> Int.compare a.node b.node) parts)

let make nodes ~mib ~preferred =
  let planned preference parts = { parts; preference } in
  let anywhere preference = Option.map (planned preference) (pack nodes mib) in
  if preferred = [] then anywhere Unasked
  else
    let wished = List.filter (fun node -> List.mem node.id preferred) nodes in
    match pack wished mib with
    | Some parts -> Some (planned Honoured parts)
    | None -> anywhere (Full (total wished))
