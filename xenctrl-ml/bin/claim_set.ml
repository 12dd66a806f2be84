open Xenctrl_claims

let host = -1l
let target target = if target = host then "host" else Int32.to_string target
let max_node = 63

let node text =
  let digits = text <> "" && String.for_all (function '0' .. '9' -> true | _ -> false) text in
  let number = if digits then int_of_string_opt ("0u" ^ text) else None in
  Option.bind number (fun node -> if 0 <= node && node <= max_node then Some node else None)

let target_of_string text =
  match node text with
  | Some node -> Ok (Int32.of_int node)
  | None when text = "host" -> Ok host
  | None -> Error (Printf.sprintf "'%s' is no target: give a node, 0..%d, or host" text max_node)

let claim_of_string text : (Xenctrl.claim, string) result =
  match String.index_opt text '=' with
  | None ->
      Error (Printf.sprintf "'%s' is no claim: give TARGET=SIZE, as in 0=2G or host=512M" text)
  | Some i ->
      let size = String.sub text (i + 1) (String.length text - i - 1) in
      Result.bind (target_of_string (String.sub text 0 i)) @@ fun target ->
      Result.map (fun pages : Xenctrl.claim -> { pages; target }) (Size.of_string size)

let rec twice : Xenctrl.claim list -> string option = function
  | [] -> None
  | claim :: rest when List.exists (fun (c : Xenctrl.claim) -> c.target = claim.target) rest ->
      Some (target claim.target)
  | _ :: rest -> twice rest

let can_be_counted claims =
  (* What is left to the largest number; no number of pages is negative. *)
  let take left (claim : Xenctrl.claim) = Int64.sub left claim.pages in
  let rec fits left = function
    | [] -> true
    | claim :: rest -> take left claim >= 0L && fits (take left claim) rest
  in
  fits Int64.max_int claims

let fault claims =
  match twice claims with
  | Some target -> Some (Printf.sprintf "'%s' is there twice: give each target once" target)
  | None when not (can_be_counted claims) -> Some "the claims together are more than can be counted"
  | None -> None

let nodes_first claims =
  let of_host, of_nodes = List.partition (fun (c : Xenctrl.claim) -> c.target = host) claims in
  of_nodes @ of_host

let to_string claims =
  let claim (c : Xenctrl.claim) = target c.target ^ "=" ^ Size.to_string c.pages in
  match claims with
  | [] -> "nothing"
  | claims -> String.concat " " (List.map claim (nodes_first claims))

let of_domain xc domid = nodes_first (Array.to_list (Xenctrl.domain_claim_memory_get xc domid))
