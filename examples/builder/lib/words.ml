let nodes ids =
  let extend ranges id =
    match ranges with
    | (first, last) :: rest when id = last + 1 -> (first, id) :: rest
    | _ -> (id, id) :: ranges
  in
  let range (first, last) =
    if first = last then string_of_int first else Printf.sprintf "%d-%d" first last
  in
  let ranges = List.fold_left extend [] (List.sort_uniq Int.compare ids) in
  let word = match ranges with [ (first, last) ] when first = last -> "node " | _ -> "nodes " in
  word ^ String.concat ", " (List.rev_map range ranges)

let one_line = String.map (fun c -> if c < ' ' || c = '\127' then ' ' else c)
