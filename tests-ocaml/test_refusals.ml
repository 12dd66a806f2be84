(* What the hypervisor refuses, docs/contract.md 1.4 to 1.6: a Unix_error that says what, on which
   domain, and nothing changed. *)

open Xenctrl_claims
open Test_support
open Values

(* Domid 5, on a host of 4 nodes that domid 1 claims half of node 0 of. Domid 5 claims something, so
   that a refusal that released the old set first would show. *)
let scene ?max_pages () =
  let h = open_host () in
  let other = new_domain h in
  Xenctrl.domain_claim_memory h other [| node 0 (Int64.div gib 2L) |];
  let rec until_5 () =
    let d = new_domain ?max_pages h in
    if d < 5 then until_5 () else d
  in
  let d = until_5 () in
  Xenctrl.domain_claim_memory h d [| node 1 100L; host 50L |];
  h

let set_refused ?max_pages (name, error, claims) =
  let test () =
    let h = scene ?max_pages () in
    Check.unchanged h (fun () ->
        Check.refused error "domain_claim_memory" "domid 5" (fun () ->
            Xenctrl.domain_claim_memory h 5 claims))
  in
  Alcotest.test_case name `Quick test

let half_and_1 = Int64.succ (Int64.div gib 2L)

let sets_refused =
  [
    ("node: more than it has", Unix.ENOMEM, [| node 2 (Int64.succ gib) |]);
    ("node: more than is unclaimed", ENOMEM, [| node 0 half_and_1 |]);
    ("node: the largest number", ENOMEM, [| node 2 Int64.max_int |]);
    ("host: more than is unclaimed", ENOMEM, [| host (Int64.mul 4L gib) |]);
    (* Each node can, the host can't: node claims count for the host too. *)
    ( "together: more than is unclaimed",
      ENOMEM,
      [| node 1 gib; node 2 gib; node 3 gib; host half_and_1 |] );
    ("the last node is short", ENOMEM, [| host 1L; node 1 1L; node 2 1L; node 3 (Int64.succ gib) |]);
    ("a node the host lacks", ENOENT, [| node 4 1L |]);
    ("node 63", ENOENT, [| node 1 1L; node 63 1L |]);
    ("a node the host lacks, for 0 pages", ENOENT, [| node 4 0L |]);
  ]

(* Row 15 of 1.4: EINVAL comes after the nodes' ENOMEM and before the host's. *)
let max_refused =
  [
    ("over the maximum", Unix.EINVAL, [| node 1 1001L |]);
    ("over the maximum together", EINVAL, [| node 1 500L; node 2 500L; host 1L |]);
    ("over the maximum and the host", EINVAL, [| host Int64.max_int |]);
    ("over the maximum and the node", ENOMEM, [| node 0 gib |]);
  ]

(* A refusal of a hypervisor that would have done it; the next call is answered as ever. *)
let injected () =
  let h = scene () in
  List.iter
    (fun error ->
      Check.unchanged h (fun () ->
          Xenctrl.Model.inject h (Refuse error);
          Check.refused error "domain_claim_memory" "domid 5" (fun () ->
              Xenctrl.domain_claim_memory h 5 [| node 1 1L |])))
    [ Unix.EOPNOTSUPP; EPERM; EUNKNOWNERR 77 ];
  Xenctrl.domain_claim_memory h 5 [| node 1 1L |]

let no_claim_sets () =
  let h = scene () in
  Xenctrl.Model.inject h (Refuse EOPNOTSUPP);
  Alcotest.(check bool) "a Xen without" false (Xenctrl.has_claim_sets h);
  Alcotest.(check bool) "and with" true (Xenctrl.has_claim_sets h);
  Xenctrl.Model.inject h (Refuse ENOMEM);
  Check.refused ENOMEM "has_claim_sets" "" (fun () -> ignore (Xenctrl.has_claim_sets h))

let populated_counts () =
  let h = scene ~max_pages:1000L () in
  let given = Xenctrl.domain_populate h 5 ~order:0 ~extents:400 Any in
  Alcotest.(check int) "populated" 400 given;
  Check.unchanged h (fun () ->
      Check.refused EINVAL "domain_claim_memory" "domid 5" (fun () ->
          Xenctrl.domain_claim_memory h 5 [| node 1 601L |]));
  Xenctrl.domain_claim_memory h 5 [| node 1 600L |]

let unknown_domain () =
  let h = scene () in
  let gone d =
    Check.unchanged h (fun () ->
        let subject = Printf.sprintf "domid %d" d in
        let refused error name f = Check.refused error name subject f in
        refused ESRCH "domain_claim_memory" (fun () ->
            Xenctrl.domain_claim_memory h d [| node 0 1L |]);
        refused ESRCH "domain_claim_memory" (fun () ->
            Xenctrl.domain_claim_memory h d [| host 0L |]);
        refused ESRCH "domain_claim_memory_get" (fun () -> Xenctrl.domain_claim_memory_get h d);
        (* The legacy call has EINVAL for it. *)
        refused EINVAL "domain_claim_pages" (fun () -> Xenctrl.domain_claim_pages h d 1L);
        refused ESRCH "domain_setmaxmem" (fun () -> Xenctrl.domain_setmaxmem h d 4L);
        refused ESRCH "domain_set_node_affinity" (fun () ->
            Xenctrl.domain_set_node_affinity h d [ 0 ]);
        refused ESRCH "domain_populate" (fun () ->
            Xenctrl.domain_populate h d ~order:0 ~extents:1 Any);
        refused ESRCH "domain_destroy" (fun () -> Xenctrl.domain_destroy h d))
  in
  gone 6;
  gone 0;
  gone 32_751;
  Xenctrl.domain_destroy h 5;
  gone 5

let legacy_refused (name, error, prepare, pages) =
  let test () =
    let h = scene ~max_pages:1000L () in
    prepare h;
    Check.unchanged h (fun () ->
        Check.refused error "domain_claim_pages" "domid 5" (fun () ->
            Xenctrl.domain_claim_pages h 5 pages))
  in
  Alcotest.test_case name `Quick test

let release h = Xenctrl.domain_claim_memory h 5 [| host 0L |]

let fill h =
  release h;
  ignore (Xenctrl.domain_populate h 5 ~order:0 ~extents:10 Any)

let rest_is_claimed h =
  release h;
  let memory = Xenctrl.host_memory h in
  let left = Int64.sub memory.free_pages memory.outstanding_pages in
  Xenctrl.domain_claim_memory h 2 [| host 0L |];
  Xenctrl.domain_setmaxmem h 2 (Int64.mul 4L left);
  Xenctrl.domain_claim_memory h 2 [| host (Int64.sub left 99L) |]

let legacy_cases =
  [
    ("it claims something already", Unix.EINVAL, ignore, 60L);
    ("it has that many", EINVAL, fill, 10L);
    ("more than it may have", EINVAL, release, 1001L);
    ("the largest number", EINVAL, release, Int64.max_int);
    ("more than is unclaimed", ENOMEM, rest_is_claimed, 100L);
  ]

let legacy_works () =
  let h = scene () in
  fill h;
  Xenctrl.domain_claim_pages h 5 30L;
  Check.claims_of h 5 [| host 20L |];
  Xenctrl.domain_claim_pages h 5 0L;
  Check.claims_of h 5 [||];
  (* Released by it: node claims too. *)
  Xenctrl.domain_claim_memory h 5 [| node 1 5L; host 5L |];
  Xenctrl.domain_claim_pages h 5 0L;
  Check.claims_of h 5 [||];
  Check.pages "node 1" 0L (claimed_on h 1)

let affinity () =
  let h = scene () in
  let refused nodes =
    Check.refused EINVAL "domain_set_node_affinity" "domid 5" (fun () ->
        Xenctrl.domain_set_node_affinity h 5 nodes)
  in
  refused [];
  refused [ 4; 63 ]

let () =
  let quick name test = Alcotest.test_case name `Quick test in
  Alcotest.run "refusals"
    [
      ("set", List.map set_refused sets_refused);
      ( "maximum memory",
        List.map (set_refused ~max_pages:1000L) max_refused
        @ [ quick "what it has counts" populated_counts ] );
      ("no such domain", [ quick "every call" unknown_domain ]);
      ("legacy", List.map legacy_refused legacy_cases @ [ quick "and when it works" legacy_works ]);
      ("on purpose", [ quick "any error" injected; quick "a Xen without claim sets" no_claim_sets ]);
      ("affinity", [ quick "no node online" affinity ]);
    ]
