open Xenctrl_claims

let list pp = Format.pp_print_list ~pp_sep:Format.pp_print_space pp

let pp_claim ppf (c : Xenctrl.claim) =
  match c.target with
  | -1l -> Format.fprintf ppf "host=%Ldp" c.pages
  | target -> Format.fprintf ppf "%ld=%Ldp" target c.pages

let pp_claims ppf claims = Format.fprintf ppf "{%a}" (list pp_claim) (Array.to_list claims)

let pp_node_memory ppf (m : Xenctrl.node_memory) =
  Format.fprintf ppf "node %d: size %Ld, free %Ld, claimed %Ld" m.node m.size m.free m.claimed

let pp_host_memory ppf (m : Xenctrl.host_memory) =
  Format.fprintf ppf "host: free %Ld, claimed %Ld" m.free_pages m.outstanding_pages

let pp_domain_info ppf (d : Xenctrl.domain_info) =
  Format.fprintf ppf "domid %d: has %Ld, max %Ld, claims %Ld%s%s, ran for %Ld ns" d.domid
    d.total_pages d.max_pages d.claimed_pages
    (if d.dying then ", dying" else "")
    (if d.paused then ", paused" else "")
    d.cpu_time

let pp_snapshot ppf (s : Values.snapshot) =
  let pp_claims_of ppf (d, claims) = Format.fprintf ppf "domid %d: %a" d pp_claims claims in
  Format.fprintf ppf "@[<v>%a@,%a@,%a@,%a@]" (list pp_node_memory) s.nodes pp_host_memory s.memory
    (list pp_domain_info) s.domains (list pp_claims_of) s.claims

let error_name error = Printexc.to_string (Unix.Unix_error (error, "", ""))
let is_near a b = Int64.abs (Int64.sub a b) <= Host.slack

let same_node (a : Xenctrl.node_memory) (b : Xenctrl.node_memory) =
  is_near a.free b.free && { a with free = b.free } = b

let same_host (a : Xenctrl.host_memory) (b : Xenctrl.host_memory) =
  is_near a.free_pages b.free_pages && { a with free_pages = b.free_pages } = b

let same_snapshot (a : Values.snapshot) (b : Values.snapshot) =
  List.equal same_node a.nodes b.nodes
  && same_host a.memory b.memory
  && { a with nodes = b.nodes; memory = b.memory } = b

let claims = Alcotest.testable pp_claims ( = )
let node_memory = Alcotest.testable pp_node_memory same_node
let host_memory = Alcotest.testable pp_host_memory same_host
let domain_info = Alcotest.testable pp_domain_info ( = )
let snapshot = Alcotest.testable pp_snapshot same_snapshot

let outcome value =
  let pp ppf : _ Values.outcome -> unit = function
    | Returned v -> Format.fprintf ppf "returned %a" (Alcotest.pp value) v
    | Invalid message -> Format.fprintf ppf "Invalid_argument %S" message
    | Refused (error, name, subject) ->
        Format.fprintf ppf "Unix_error (%s, %S, %S)" (error_name error) name subject
    | Panicked message -> Format.fprintf ppf "Panic %S" message
  in
  let equal (a : _ Values.outcome) (b : _ Values.outcome) =
    match (a, b) with
    | Returned a, Returned b -> Alcotest.equal value a b
    | Returned _, _ | _, Returned _ -> false
    | a, b -> a = b
  in
  Alcotest.testable pp equal

let unit_outcome f = Values.outcome (fun () -> ignore (f ()))
let check what expected f = Alcotest.(check (outcome unit)) what expected (unit_outcome f)
let returns what f = check what (Returned ()) f
let invalid message f = check "invalid" (Invalid message) f

(* Of module Xenctrl, if it names none. *)
let full name = if String.contains name '.' then name else "Xenctrl." ^ name

let invalid_from name f =
  match unit_outcome f with
  | Invalid message when String.starts_with ~prefix:(full name ^ ": ") message -> ()
  | found ->
      Alcotest.failf "expected Invalid_argument of %s, found %a" name
        (Alcotest.pp (outcome Alcotest.unit))
        found

let refused error name subject f = check "refused" (Refused (error, name, subject)) f
let panics f = check "panics" (Panicked "injected into the embedded hypervisor") f
let closed name f = invalid (full name ^ ": the handle is closed") f

let unchanged h f =
  let before = Values.snapshot h in
  let result = f () in
  Alcotest.check snapshot "nothing changed" before (Values.snapshot h);
  result

let pages what expected found = Alcotest.(check int64) what expected found

let free what expected found =
  let print ppf = Format.fprintf ppf "%Ld" in
  Alcotest.(check (testable print is_near)) what expected found

let claims_of h d expected =
  let found = Xenctrl.domain_claim_memory_get h d in
  Alcotest.check claims "GET" expected found;
  let total = Values.sum (List.map (fun c -> c.Xenctrl.pages) (Array.to_list expected)) in
  pages "outstanding" total (Values.domain_info h d).claimed_pages

let at_least what least found =
  if found < least then Alcotest.failf "%s: expected at least %d, found %d" what least found
