(* What the hypervisor refuses, docs/contract.md 1.4 to 1.6: a Unix_error that says what, on which
   domain, and nothing changed. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

type scene = { h : Xenctrl.handle; other : Xenctrl.domid; d : Xenctrl.domid }

let subject d = Printf.sprintf "domid %d" d

(* [other] claims half of node 0. [d] claims something, so that a refusal that released the old set
   first would show. *)
let scene ?max_pages () =
  let h = open_host () in
  let other = new_domain h in
  Xenctrl.domain_claim_memory h other [| node 0 (Int64.div (free_on h 0) 2L) |];
  let d = new_domain ?max_pages h in
  Xenctrl.domain_claim_memory h d [| node 1 100L; host 50L |];
  { h; other; d }

let set_refused ?max_pages (name, error, claims) =
  let test () =
    let { h; d; _ } = scene ?max_pages () in
    Check.unchanged h (fun () ->
        Check.refused error "domain_claim_memory" (subject d) (fun () ->
            Xenctrl.domain_claim_memory h d (claims h)))
  in
  Host.case name test

let last h = List.length (nodes h) - 1

(* More than [d] can have of a node, and of the host. *)
let too_many_on h n = too_many (Int64.add (unclaimed_on h n) (if n = 1 then 100L else 0L))
let too_many_of_host h = too_many (Int64.add (unclaimed h) 150L)

(* Each node can, the host can't: node claims count for the host too. *)
let too_many_together h =
  let but_0 = List.tl (nodes h) in
  let on_nodes = List.map (fun n -> node n (surely (unclaimed_on h n))) but_0 in
  let on_host =
    Int64.sub (too_many_of_host h) (sum (List.map (fun c -> c.Xenctrl.pages) on_nodes))
  in
  Array.of_list (host on_host :: on_nodes)

let sets_refused : (string * Unix.error * (Xenctrl.handle -> Xenctrl.claim array)) list =
  [
    ("node: more than it has", ENOMEM, fun h -> [| node 1 (too_many_on h 1) |]);
    ("node: more than is unclaimed", ENOMEM, fun h -> [| node 0 (too_many_on h 0) |]);
    ("node: the largest number", ENOMEM, fun _ -> [| node 1 Int64.max_int |]);
    ("host: more than is unclaimed", ENOMEM, fun h -> [| host (too_many_of_host h) |]);
    ("together: more than is unclaimed", ENOMEM, too_many_together);
    ( "the last node is short",
      ENOMEM,
      fun h -> [| host 1L; node 0 1L; node (last h) (too_many_on h (last h)) |] );
    ("a node the host lacks", ENOENT, fun h -> [| node (last h + 1) 1L |]);
    ("node 63", ENOENT, fun _ -> [| node 1 1L; node 63 1L |]);
    ("a node the host lacks, for 0 pages", ENOENT, fun h -> [| node (last h + 1) 0L |]);
  ]

(* Row 15 of 1.4: EINVAL comes after the nodes' ENOMEM and before the host's. *)
let max_refused : (string * Unix.error * (Xenctrl.handle -> Xenctrl.claim array)) list =
  [
    ("over the maximum", EINVAL, fun _ -> [| node 1 1001L |]);
    ("over the maximum together", EINVAL, fun _ -> [| node 0 500L; node 1 500L; host 1L |]);
    ("over the maximum and the host", EINVAL, fun _ -> [| host Int64.max_int |]);
    ("over the maximum and the node", ENOMEM, fun h -> [| node 0 (too_many_on h 0) |]);
  ]

(* A refusal of a hypervisor that would have done it; the next call is answered as ever. *)
let injected () =
  let { h; d; _ } = scene () in
  List.iter
    (fun error ->
      Check.unchanged h (fun () ->
          Model.inject h (Refuse error);
          Check.refused error "domain_claim_memory" (subject d) (fun () ->
              Xenctrl.domain_claim_memory h d [| node 1 1L |])))
    [ Unix.EOPNOTSUPP; EPERM; EBUSY; EAGAIN; EINTR; ENOBUFS; EUNKNOWNERR 77 ];
  Xenctrl.domain_claim_memory h d [| node 1 1L |]

let no_claim_sets () =
  let { h; _ } = scene () in
  Model.inject h (Refuse EOPNOTSUPP);
  Alcotest.(check bool) "a Xen without" false (Xenctrl.has_claim_sets h);
  Alcotest.(check bool) "and with" true (Xenctrl.has_claim_sets h);
  Model.inject h (Refuse ENOMEM);
  Check.refused ENOMEM "has_claim_sets" "" (fun () -> ignore (Xenctrl.has_claim_sets h))

let populated_counts () =
  let { h; d; _ } = scene ~max_pages:1000L () in
  let given = Building.domain_populate h d ~order:0 ~extents:400 Any in
  Alcotest.(check int) "populated" 400 given;
  Check.unchanged h (fun () ->
      Check.refused EINVAL "domain_claim_memory" (subject d) (fun () ->
          Xenctrl.domain_claim_memory h d [| node 1 601L |]));
  Xenctrl.domain_claim_memory h d [| node 1 600L |]

let unknown_domain () =
  let { h; d; _ } = scene () in
  let gone d =
    Check.unchanged h (fun () ->
        let refused error name f = Check.refused error name (subject d) f in
        refused ESRCH "domain_claim_memory" (fun () ->
            Xenctrl.domain_claim_memory h d [| node 0 1L |]);
        refused ESRCH "domain_claim_memory" (fun () ->
            Xenctrl.domain_claim_memory h d [| host 0L |]);
        refused ESRCH "domain_claim_memory_get" (fun () -> Xenctrl.domain_claim_memory_get h d);
        (* The legacy call has EINVAL for it. *)
        refused EINVAL "domain_claim_pages" (fun () -> Xenctrl.domain_claim_pages h d 1L);
        refused ESRCH "domain_setmaxmem" (fun () -> Building.domain_setmaxmem h d 4L);
        refused ESRCH "domain_set_node_affinity" (fun () ->
            Xenctrl.domain_set_node_affinity h d [ 0 ]);
        refused ESRCH "domain_populate" (fun () ->
            Building.domain_populate h d ~order:0 ~extents:1 Any);
        refused ESRCH "domain_destroy" (fun () -> Building.domain_destroy h d))
  in
  gone (d + 1);
  (* Dom0 is not ours. *)
  if not Host.on_xen then gone 0;
  gone 32_751;
  Building.domain_destroy h d;
  gone d

let legacy_refused (name, error, prepare, pages) =
  let test () =
    let scene = scene ~max_pages:1000L () in
    let { h; d; _ } = scene in
    prepare scene;
    Check.unchanged h (fun () ->
        Check.refused error "domain_claim_pages" (subject d) (fun () ->
            Xenctrl.domain_claim_pages h d pages))
  in
  Host.case name test

let release { h; d; _ } = Xenctrl.domain_claim_memory h d [| host 0L |]

let fill scene =
  release scene;
  ignore (Building.domain_populate scene.h scene.d ~order:0 ~extents:10 Any)

(* All but 99 pages, or so. *)
let rest_is_claimed scene =
  release scene;
  let { h; other; _ } = scene in
  Xenctrl.domain_claim_memory h other [| host 0L |];
  let rest = Int64.sub (surely (unclaimed h)) 99L in
  Building.domain_setmaxmem h other (Int64.mul 4L rest);
  Xenctrl.domain_claim_memory h other [| host rest |]

let legacy_cases =
  [
    ("it claims something already", Unix.EINVAL, ignore, 60L);
    ("it has that many", EINVAL, fill, 10L);
    ("more than it may have", EINVAL, release, 1001L);
    ("the largest number", EINVAL, release, Int64.max_int);
    ("more than is unclaimed", ENOMEM, rest_is_claimed, too_many (Int64.add 99L Host.slack));
  ]

let legacy_works () =
  let scene = scene () in
  let { h; d; _ } = scene in
  fill scene;
  Xenctrl.domain_claim_pages h d 30L;
  Check.claims_of h d [| host 20L |];
  Xenctrl.domain_claim_pages h d 0L;
  Check.claims_of h d [||];
  (* Released by it: node claims too. *)
  Xenctrl.domain_claim_memory h d [| node 1 5L; host 5L |];
  Xenctrl.domain_claim_pages h d 0L;
  Check.claims_of h d [||];
  Check.pages "node 1" 0L (claimed_on h 1)

let affinity () =
  let { h; d; _ } = scene () in
  let refused nodes =
    Check.refused EINVAL "domain_set_node_affinity" (subject d) (fun () ->
        Xenctrl.domain_set_node_affinity h d nodes)
  in
  refused [];
  refused [ last h + 1; 63 ]

let () =
  let quick = Host.case in
  let faults = Host.Embedded "to have faults" in
  Alcotest.run "refusals"
    [
      ("set", List.map set_refused sets_refused);
      ( "maximum memory",
        List.map (set_refused ~max_pages:1000L) max_refused
        @ [ quick "what it has counts" populated_counts ] );
      ("no such domain", [ quick "every call" unknown_domain ]);
      ("legacy", List.map legacy_refused legacy_cases @ [ quick "and when it works" legacy_works ]);
      ( "on purpose",
        [
          quick ~need:faults "any error" injected;
          quick ~need:faults "a Xen without claim sets" no_claim_sets;
        ] );
      ("affinity", [ quick "no node online" affinity ]);
    ]
