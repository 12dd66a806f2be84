(* What Claims does with a hypervisor: claim, retry, explain, populate, release. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

let error : Claims.lack Claims.error Alcotest.testable = Alcotest.testable Claims.pp_error ( = )
let done_or_error = Alcotest.(result unit error)
let check_error name expected found = Alcotest.(check done_or_error) name (Error expected) found

let unwrap = function
  | Ok value -> value
  | Error (e : Claims.lack Claims.error) -> Alcotest.failf "%a" Claims.pp_error e

let nothing_claimed h = Check.pages "nothing claimed" 0L (Xenctrl.host_memory h).outstanding_pages

(* Errors say what was short. *)

let refusals () =
  let h = open_host () in
  let a = new_domain h and b = new_domain h in
  let install set = Check.unchanged h (fun () -> Claims.install h b set) in
  unwrap (Claims.install h a [| node 1 100L; host 50L |]);
  check_error "the second entry is short"
    (`Not_enough_memory { Claims.where = Node 1; wanted = gib; claimable = Int64.sub gib 100L })
    (install [| node 0 1L; node 1 gib |]);
  check_error "each node has enough, the host has not"
    (`Not_enough_memory
       {
         Claims.where = Host;
         wanted = Int64.sub (Int64.mul 4L gib) 100L;
         claimable = Int64.sub (Int64.mul 4L gib) 150L;
       })
    (install [| node 0 gib; node 1 (Int64.sub gib 100L); node 2 gib; node 3 gib |]);
  check_error "no such node, and who claims of the host is not to blame" (`No_such_node 9)
    (install [| host 1L; node 0 1L; node 9 1L |]);
  Building.domain_setmaxmem h b 400L;
  check_error "over its maximum"
    (`Over_max_memory { Claims.wanted = 101L; total_pages = 0L; max_pages = 100L })
    (install [| node 0 101L |]);
  ignore (Building.domain_populate h b ~order:0 ~extents:1 (Exact 3));
  check_error "also where the sum is more than 63 bits hold"
    (`Over_max_memory { Claims.wanted = Int64.max_int; total_pages = 1L; max_pages = 100L })
    (install [| host Int64.max_int |]);
  check_error "over its maximum by what it has"
    (`Over_max_memory { Claims.wanted = 100L; total_pages = 1L; max_pages = 100L })
    (install [| node 0 100L |]);
  let refused error =
    Model.inject h (Refuse error);
    Claims.install h b [| node 0 99L |]
  in
  check_error "not over its maximum, whatever else it is" (`Refused Unix.EINVAL) (refused EINVAL);
  check_error "the policy of Xen" `Not_permitted (refused EPERM);
  check_error "that of FLASK" `Not_permitted (refused EACCES);
  check_error "no such domain" (`No_such_domain 999) (Claims.install h 999 [| host 1L |]);
  check_error "nothing to release" (`No_such_domain 999) (Claims.release h 999);
  (* What a domain claims itself is claimable for it. *)
  unwrap (Claims.install h a [| node 1 gib |]);
  Check.claims_of h a [| node 1 gib |];
  Check.invalid_from "domain_claim_memory" (fun () -> Claims.install h a [||])

let messages () =
  let check expected e =
    Alcotest.(check string) "" expected (Format.asprintf "%a" Claims.pp_error e)
  in
  check "not enough memory: 2 GiB wanted, 3 MiB claimable on node 1"
    (`Not_enough_memory { Claims.where = Node 1; wanted = 524288L; claimable = 768L });
  let holder domid : Claims.holder =
    { domid; total_pages = 256L; claims = (if domid = 1 then [| node 0 1L |] else [||]) }
  in
  check
    "not enough memory: short by 1 page of 1 GiB; domain 1 has 1 MiB and claims 1 page; domain 2 \
     has 1 MiB; domain 3 has 1 MiB; 2 more hold memory"
    (`Unplanned
       {
         Claims.reason = { Claims.wanted = gib; by = 1L };
         holders = List.init 5 (fun i -> holder (i + 1));
       });
  check "over its maximum memory: 1 MiB (257 pages) wanted, it has 0 pages and may have 1 MiB"
    (`Over_max_memory { Claims.wanted = 257L; total_pages = 0L; max_pages = 256L });
  check "other builders were faster 2 times"
    (`Outrun { Claims.attempts = 2; short = `Short_a_moment_ago; holders = [] })

(* Claims end with what they were for. *)

let with_claims () =
  let h = open_host () in
  let d = new_domain h in
  let set = [| node 1 10L; host 5L |] in
  let inside () =
    Check.claims_of h d [| host 5L; node 1 10L |];
    Building.domain_populate h d ~order:0 ~extents:4 (Exact 1)
  in
  Alcotest.(check (result int error)) "value" (Ok 4) (Claims.with_claims h d set inside);
  Check.claims_of h d [||];
  Alcotest.check_raises "what f raises" Exit (fun () ->
      ignore (Claims.with_claims h d set (fun () -> raise Exit)));
  Check.claims_of h d [||];
  let ran = ref false in
  check_error "f is not run"
    (`Not_enough_memory
       { Claims.where = Node 1; wanted = Int64.succ gib; claimable = Int64.sub gib 4L })
    (Claims.with_claims h d [| node 1 (Int64.succ gib) |] (fun () -> ran := true));
  Alcotest.(check bool) "f was not run" false !ran;
  (* A release that is refused takes nothing away from what f did. *)
  Model.inject h (Delay 0.);
  Model.inject h (Refuse EACCES);
  Alcotest.(check (result int error)) "value" (Ok 42) (Claims.with_claims h d set (fun () -> 42));
  Check.claims_of h d [| host 5L; node 1 10L |];
  unwrap (Claims.with_claims h d set (fun () -> Building.domain_destroy h d));
  nothing_claimed h;
  let d = new_domain h in
  Alcotest.check_raises "what f raises, the handle closed" Exit (fun () ->
      let close_and_raise () =
        Xenctrl.interface_close h;
        raise Exit
      in
      ignore (Claims.with_claims h d set close_and_raise))

(* Optimistic: of two that planned the same, one plans again. *)

let race ~hosts ~attempts =
  let h = Model.create hosts in
  let a = new_domain h and b = new_domain h in
  (* Of the calls for [a], GET comes first. *)
  Model.inject h (Delay 0.);
  Model.inject h (Delay 1.);
  let slow = Domain.spawn (fun () -> Claims.claim_with_plan ~attempts h a ~pages:gib Single) in
  (* It has planned by then, and its SET is under way. *)
  Unix.sleepf 0.5;
  unwrap (Claims.install h b [| node 0 gib |]);
  (h, a, b, Domain.join slow)

let planned_again () =
  let h, a, _, slow = race ~hosts:"2x1" ~attempts:2 in
  let { Claims.claims; retries } = unwrap slow in
  Alcotest.(check int) "retries" 1 retries;
  Alcotest.check Check.claims "the other node" [| node 1 gib |] claims;
  Check.claims_of h a [| node 1 gib |]

let outrun () =
  let h, a, b, slow = race ~hosts:"2x1" ~attempts:1 in
  let holders : Claims.holder list =
    [ { domid = b; total_pages = 0L; claims = [| node 0 gib |] } ]
  in
  let on_node_0 = `Not_enough_memory { Claims.where = Node 0; wanted = gib; claimable = 0L } in
  check_error "outrun"
    (`Outrun { Claims.attempts = 1; short = on_node_0; holders })
    (Result.map ignore slow);
  Check.claims_of h a [||]

let no_plan () =
  let h, a, b, slow = race ~hosts:"1x1" ~attempts:5 in
  let holders : Claims.holder list =
    [ { domid = b; total_pages = 0L; claims = [| node 0 gib |] } ]
  in
  check_error "short"
    (`Unplanned { Claims.reason = { Claims.wanted = gib; by = gib }; holders })
    (Result.map ignore slow);
  Check.claims_of h a [||]

(* A planner of the caller's: told what was short, asked again after ENOMEM and after nothing else. *)
let own_planner () =
  let h = open_host ~nodes:2 () in
  let a = new_domain h and b = new_domain h in
  unwrap (Claims.install h b [| node 0 10L |]);
  let asked = ref [] and logged = ref [] in
  let log (attempt : Claims.attempt) =
    logged := (attempt.number, Result.is_ok attempt.outcome) :: !logged
  in
  let claim ?attempts planner =
    asked := [];
    logged := [];
    let planner (host : Claims.host) =
      asked := host.short :: !asked;
      planner host
    in
    Claims.claim ?attempts ~leave:[ (0, 3L) ] ~log h a planner
  in
  (* The other's 10 pages, and 3 that are to be left: at each look. *)
  let short : Claims.short =
    `Not_enough_memory { where = Node 0; wanted = gib; claimable = Int64.sub gib 13L }
  in
  let found =
    claim (fun host ->
        match host.short with
        | None -> Ok [| node 0 gib |]
        | Some s when s = short -> Ok [| node 1 gib |]
        | Some _ -> Error "told something else")
  in
  let is name expected found = Alcotest.(check bool) name true (expected = found) in
  is "the second plan" (Ok { Claims.claims = [| node 1 gib |]; retries = 1 }) found;
  is "asked twice" [ Some short; None ] !asked;
  is "logged twice" [ (2, true); (1, false) ] !logged;
  let holders = unwrap (Claims.holders h) in
  is "never enough"
    (Error (`Outrun { Claims.attempts = 3; short; holders }))
    (claim ~attempts:3 (fun _ -> Ok [| node 0 gib |]));
  Alcotest.(check int) "as often" 3 (List.length !asked);
  is "its own reason"
    (Error (`Unplanned { Claims.reason = "no"; holders }))
    (claim (fun _ -> Error "no"));
  is "nothing to log" [] !logged;
  is "no other node" (Error (`No_such_node 7)) (claim (fun _ -> Ok [| node 7 1L |]));
  is "asked once" [ None ] !asked;
  is "logged once" [ (1, false) ] !logged;
  Check.claims_of h a [| node 1 gib |];
  Check.invalid "Claims.claim: attempts is 0, not 1 or more" (fun () ->
      claim ~attempts:0 (fun _ -> Error "never asked"))

let targets () =
  let both = [ (Claims.Host, -1l); (Node 0, 0l); (Node 63, 63l) ] in
  List.iter
    (fun (target, wire) ->
      let claim = Claims.on target 5L in
      Alcotest.(check bool) "there and back" true (Claims.target claim = target);
      Alcotest.check Check.claims "wire" [| { pages = 5L; target = wire } |] [| claim |])
    both;
  Check.invalid "Claims.on: node 64 is not in 0..63" (fun () -> Claims.on (Node 64) 1L);
  List.iter
    (fun target ->
      let message = Printf.sprintf "Claims.target: %ld is neither a node in 0..63 nor -1" target in
      Check.invalid message (fun () -> Claims.target { pages = 1L; target }))
    [ -2l; 64l ]

(* Answers of different moments. *)

(* Who holds most comes first; who is gone since domains were listed holds nothing. *)
let holders_by_size () =
  let h = open_host () in
  let give d extents =
    ignore (Building.domain_populate h d ~order:0 ~extents (Exact 0) : int);
    d
  in
  let little = give (new_domain h) 5 in
  let gone = give (new_domain h) 50 in
  let most = give (new_domain h) 7 in
  let claimer = new_domain h in
  unwrap (Claims.install h claimer [| node 1 6L |]);
  let listed = Claims.Xen.domains h in
  Building.domain_destroy h gone;
  let module Moved_on = Claims.Make (struct
    include Claims.Xen

    let domains _ = listed
  end) in
  let held (holder : Claims.holder) = (holder.domid, holder.total_pages) in
  Alcotest.(check (list (pair int int64)))
    "holders"
    [ (most, 7L); (claimer, 0L); (little, 5L) ]
    (List.map held (unwrap (Moved_on.holders h)))

(* Of a moment when memory was offlined. *)
let more_claimed_than_free () =
  let h = open_host ~nodes:2 () in
  let module Shrunk = Claims.Make (struct
    include Claims.Xen

    let node_memory h =
      let of_node_0 (m : Claims.node_memory) =
        if m.node = 0 then { m with free = 3L; claimed = 5L } else m
      in
      List.map of_node_0 (Claims.Xen.node_memory h)

    let host_memory _ : Claims.host_memory =
      { free_pages = Int64.add gib 3L; outstanding_pages = 5L }
  end) in
  let seen = unwrap (Shrunk.look h) in
  let claimable (n : Claims.node) = n.claimable in
  Alcotest.(check (list int64)) "of nodes" [ 0L; gib ] (List.map claimable seen.nodes);
  (* What a node lacks is nothing that is left alone, which would be added here. *)
  Check.pages "of the host" (Int64.sub gib 2L) seen.host_claimable

(* Of a node of which 100 pages are to be left, 24 of them are claimed already. *)
let left_alone () =
  let h = open_host ~nodes:2 () in
  let other = new_domain h and d = new_domain h in
  unwrap (Claims.install h other [| node 0 (Int64.sub gib 76L) |]);
  let claim ?host_claim ?(leave = [ (0, 100L); (1, -5L); (7, 3L) ]) pages policy =
    let claim = Claims.claim_with_plan ?host_claim ~leave h d ~pages policy in
    Result.map (fun { Claims.claims; _ } -> claims) claim
  in
  let check expected found = Alcotest.check Check.claims "claimed" expected (unwrap found) in
  check [| node 1 gib |] (claim gib Pack);
  check [| node 0 6L; node 1 gib |] (claim ~leave:[ (0, 70L) ] (Int64.add gib 6L) (Prefer [ 0 ]));
  let short = function
    | Error (`Unplanned { Claims.reason = { Claims.by; _ }; _ }) -> by
    | _ -> -1L
  in
  let over = Int64.add gib 1L in
  Check.pages "short" 1L (short (claim over Pack));
  Check.pages "also of a host claim" 1L (short (claim ~host_claim:true over Single));
  Check.pages "of every node" 5L (short (claim ~leave:[ (0, 99L); (1, Int64.max_int) ] 5L Pack))

let near_a_node () =
  let h = Model.create "epyc-nps4" in
  let d = new_domain h in
  let { Claims.claims; _ } = unwrap (Claims.claim_with_plan ~near:5 h d ~pages:gib Single) in
  Alcotest.check Check.claims "claimed" [| node 5 gib |] claims

(* Whatever the host is like: what was planned is claimed at the first attempt, then others take all
   they can, and populating still uses the set up exactly, and gives of each node what was claimed. *)

module Gen = QCheck2.Gen

type host = {
  used : (int * int) list; (* node and pages that others have *)
  dirty : int list; (* pages of each node that one had who is gone *)
  host_claim : int; (* of others *)
  node_claims : int list; (* of others *)
  wanted : int;
  policy : Claims.policy;
  with_host_claim : bool;
  greedy : bool; (* others take what they can *)
}

let nodes = 3
let node_pages = Int64.to_int gib

let gen =
  let open Gen in
  let amount = oneof [ return 0; int_range 0 2000; int_range 0 (node_pages / 2) ] in
  let* used = list_size (0 -- 4) (pair (0 -- (nodes - 1)) amount) in
  let* host_claim = amount and* node_claims = list_repeat nodes amount in
  let* wanted = oneof [ int_range 1 3000; int_range 1 (nodes * node_pages) ] in
  let* policy =
    oneofl Claims.[ Single; Pack; Interleave; Prefer [ 1 ]; Prefer [ 2; 0 ]; Prefer [ 63 ] ]
  in
  let* dirty = list_repeat nodes (oneof [ return 0; amount; return node_pages ]) in
  let* with_host_claim = bool and* greedy = bool in
  return { used; dirty; host_claim; node_claims; wanted; policy; with_host_claim; greedy }

let give h d node pages =
  ignore (Building.domain_populate h d ~order:9 ~extents:(pages / 512) (Exact node) : int);
  ignore (Building.domain_populate h d ~order:0 ~extents:(pages mod 512) (Exact node) : int)

let populate h d (plan : Claims.populating) ~between =
  if plan.affinity <> [] then Xenctrl.domain_set_node_affinity h d plan.affinity;
  let rec go (call : Claims.call) =
    between ();
    let { Claims.order; extents; placement } = call in
    let given = Building.domain_populate h d ~order ~extents placement in
    match Claims.rest call ~given with None -> true | Some rest -> rest.order < order && go rest
  in
  List.for_all go plan.calls

(* A builder that names no node, and goes from extents of that order straight to pages. *)
let without_nodes affinity order claims : Claims.populating =
  let pages = Array.fold_left (fun sum c -> sum + Int64.to_int c.Xenctrl.pages) 0 claims in
  let call order pages : Claims.call = { order; extents = pages lsr order; placement = Any } in
  { affinity; calls = [ call order pages; call 0 (pages land ((1 lsl order) - 1)) ] }

(* Of each node what was claimed there, and the rest anywhere. *)
let has_what_it_claimed h d claims =
  let on_node n =
    let is_it (m : Building.Domain_memory.t) = m.domid = d && m.node = n in
    let memory = List.find_opt is_it (Building.domain_memory h) in
    Option.fold ~none:0L ~some:(fun (m : Building.Domain_memory.t) -> m.pages) memory
  in
  let is_there (c : Xenctrl.claim) = c.target = -1l || on_node (Int32.to_int c.target) >= c.pages in
  Array.for_all is_there claims
  && (domain_info h d).total_pages
     = Array.fold_left (fun sum c -> Int64.add sum c.Xenctrl.pages) 0L claims

let redeems_exactly (case, plan) =
  let h = open_host ~nodes () in
  let other = new_domain h and greedy = new_domain h and d = new_domain h in
  let gone = new_domain h in
  List.iteri (give h gone) case.dirty;
  Building.domain_destroy h gone;
  List.iter (fun (n, pages) -> give h other n pages) case.used;
  let claims = List.mapi (fun n pages -> node n (Int64.of_int pages)) case.node_claims in
  ignore
    (Claims.install h other (Array.of_list (host (Int64.of_int case.host_claim) :: claims))
      : (unit, Claims.install_error) result);
  let pages = Int64.of_int case.wanted in
  let host_claim = case.with_host_claim in
  let expected = Claims.plan ~host_claim (unwrap (Claims.look h)) ~pages case.policy in
  match (Claims.claim_with_plan ~attempts:1 ~host_claim h d ~pages case.policy, expected) with
  | Error (`Unplanned { reason; _ }), Error lack -> reason = lack
  | Ok { claims; retries }, Ok planned ->
      let set = Xenctrl.domain_claim_memory_get h d in
      (* Others take what is not claimed: before, and between any two calls. *)
      let between () =
        if case.greedy then (
          ignore (Building.domain_populate h greedy ~order:9 ~extents:4096 Any : int);
          ignore (Building.domain_populate h greedy ~order:0 ~extents:100_000 Any : int))
      in
      let all = populate h d (plan claims) ~between in
      retries = 0 && set = planned && claims = planned && all
      && Xenctrl.domain_claim_memory_get h d = [||]
      && has_what_it_claimed h d claims
  | _ -> false

(* A builder that was killed and knows nothing but what is still claimed. *)
let resumes (case, cut) =
  let h = open_host ~nodes () in
  let d = new_domain h in
  let pages = Int64.of_int case.wanted in
  match Claims.claim_with_plan h d ~pages case.policy with
  | Error _ -> true
  | Ok { claims; _ } ->
      let { Claims.calls; _ } = Claims.populate_plan claims in
      let before (call : Claims.call) = { call with extents = min cut call.extents } in
      let first = List.filteri (fun i _ -> i <= cut mod 3) (List.map before calls) in
      ignore (populate h d { affinity = []; calls = first } ~between:ignore : bool);
      let left = Claims.populate_plan (Xenctrl.domain_claim_memory_get h d) in
      populate h d left ~between:ignore
      && Xenctrl.domain_claim_memory_get h d = [||]
      && (domain_info h d).total_pages = pages

let rest_of_a_call () =
  let call order extents : Claims.call = { order; extents; placement = Exact 1 } in
  let check name expected found = Alcotest.(check bool) name true (expected = found) in
  check "all" None (Claims.rest (call 18 2) ~given:2);
  check "1 GiB" (Some (call 9 512)) (Claims.rest (call 18 2) ~given:1);
  check "2 MiB" (Some (call 0 1024)) (Claims.rest (call 9 3) ~given:1);
  check "4 KiB" (Some (call 0 4)) (Claims.rest (call 0 5) ~given:1);
  Check.invalid "Claims.rest: given is 6, not in 0..5" (fun () -> Claims.rest (call 0 5) ~given:6);
  check "exactly there, and host-wide last"
    {
      Claims.affinity = [ 0; 3 ];
      calls =
        [
          { order = 18; extents = 1; placement = Exact 0 };
          { order = 9; extents = 1; placement = Exact 0 };
          { order = 0; extents = 1; placement = Exact 0 };
          { order = 9; extents = 2; placement = Exact 3 };
          { order = 0; extents = 7; placement = Any };
        ];
    }
    (Claims.populate_plan [| node 3 1024L; host 7L; node 0 (Int64.add gib 513L) |]);
  check "nothing" { Claims.affinity = []; calls = [] } (Claims.populate_plan [||]);
  check "no affinity for a host claim"
    { Claims.affinity = []; calls = [ { order = 0; extents = 5; placement = Any } ] }
    (Claims.populate_plan [| host 5L; node 1 0L |])

let property ?(count = 300) name gen holds =
  QCheck_alcotest.to_alcotest (QCheck2.Test.make ~count ~name gen holds)

let () =
  Alcotest.run "toolstack"
    [
      ( "claims",
        [
          Alcotest.test_case "refusals" `Quick refusals;
          Alcotest.test_case "messages" `Quick messages;
          Alcotest.test_case "with_claims" `Quick with_claims;
          Alcotest.test_case "planned again" `Quick planned_again;
          Alcotest.test_case "outrun" `Quick outrun;
          Alcotest.test_case "no plan" `Quick no_plan;
          Alcotest.test_case "pages that are left alone" `Quick left_alone;
          Alcotest.test_case "a planner of the caller's" `Quick own_planner;
          Alcotest.test_case "near a node" `Quick near_a_node;
          Alcotest.test_case "targets" `Quick targets;
          Alcotest.test_case "who holds memory" `Quick holders_by_size;
          Alcotest.test_case "more claimed than free" `Quick more_claimed_than_free;
          Alcotest.test_case "the rest of a call" `Quick rest_of_a_call;
        ] );
      ( "populating",
        [
          property "redeems exactly, whatever others do"
            Gen.(pair gen (return Claims.populate_plan))
            redeems_exactly;
          property "and so does a builder that names no node"
            Gen.(
              let affinity = oneofl [ []; [ 0 ]; [ 2 ]; [ 0; 1; 2 ] ] in
              pair gen (map2 without_nodes affinity (oneofl [ 18; 9 ])))
            redeems_exactly;
          property "goes on from what is still claimed" Gen.(pair gen (0 -- 600)) resumes;
        ] );
    ]
