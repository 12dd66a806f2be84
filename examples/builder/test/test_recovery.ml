(* Builders that are killed between any two things they do to the hypervisor, and started again. A
   new one is given the handle and the scenario, and nothing else: what the old one knew is gone. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Builder_lib

exception Killed

(* Lives for [crossings] hypercalls' beginnings and ends. What a builder would do after that, for
   instance to clean up, does not happen either. *)
let killer crossings =
  let left = Atomic.make crossings in
  fun () -> if Atomic.fetch_and_add left (-1) <= 0 then raise Killed

let scenario random : Scenario.t =
  let vm i : Scenario.vm =
    let nodes = if Random.State.int random 3 = 0 then [ Random.State.int random 4 ] else [] in
    let pages = Int64.of_int (1 + Random.State.int random 200_000) in
    { name = Printf.sprintf "vm-%d" i; pages; nodes; at = 0. }
  in
  (* Together more than there is, most of the time. *)
  let vms = List.init 12 vm in
  { name = "recovery"; about = ""; host = "4x1"; builders = 4; running = []; vms }

(* Domains that are between two states when a builder finds them. *)
type found = {
  mutable empty : int;
  mutable claiming : int;
  mutable partial : int;
  mutable whole : int;
}

let look found xc (scenario : Scenario.t) =
  let wanted = List.map (fun vm -> (Build.uuid vm, vm.Scenario.pages)) scenario.vms in
  List.iter
    (fun (info : Xenctrl.domain_info) ->
      match (info.total_pages, info.claimed_pages) with
      | 0L, 0L -> found.empty <- found.empty + 1
      | 0L, _ -> found.claiming <- found.claiming + 1
      | pages, 0L when List.assoc_opt info.uuid wanted = Some pages ->
          found.whole <- found.whole + 1
      | _ -> found.partial <- found.partial + 1)
    (Xenctrl.domain_list xc)

let rec build found xc scenario random ~kills =
  (* Early, when most is between two states, or at any time. *)
  let life = if Random.State.bool random then 80 else 900 in
  let crossing = if kills = 0 then Fun.id else killer (Random.State.int random life) in
  (* At that scale, a VM is populated in many steps. *)
  match
    Storm.play xc Simulated ~how:Claims_and_exact_nodes ~scale:0.02 ~seed:kills ~crossing
      ~progress:ignore scenario
  with
  | storm -> storm
  | exception Killed ->
      look found xc scenario;
      build found xc scenario random ~kills:(kills - 1)

let check xc (scenario : Scenario.t) (storm : Storm.t) =
  Alcotest.(check (list string)) "promises" [] (Summary.broken_promises storm);
  Alcotest.(check int64) "no claim is left" 0L (Xenctrl.host_memory xc).outstanding_pages;
  let outcome (vm : Storm.vm) =
    match vm.build.outcome with
    | Built domid -> Some (domid, Build.uuid vm.build.vm, vm.build.vm.pages)
    | Refused _ -> None
    | Failed { reason; _ } -> Alcotest.failf "%s failed: %s" vm.build.vm.name reason
  in
  let built = List.filter_map outcome storm.vms in
  Alcotest.(check int) "each VM" (List.length scenario.vms) (List.length storm.vms);
  (* Each once, with its memory, and nobody else. *)
  let domains =
    List.map
      (fun (i : Xenctrl.domain_info) -> (i.domid, i.uuid, i.total_pages))
      (Xenctrl.domain_list xc)
  in
  Alcotest.(check (list (triple int string int64))) "domains" domains (List.sort compare built);
  let paused (i : Xenctrl.domain_info) = i.paused in
  Alcotest.(check bool) "all were started" false (List.exists paused (Xenctrl.domain_list xc))

let rounds = 100

let killed () =
  let found = { empty = 0; claiming = 0; partial = 0; whole = 0 } in
  for round = 1 to rounds do
    let random = Random.State.make [| round |] in
    let scenario = scenario random in
    let xc = Model.create scenario.host in
    check xc scenario (build found xc scenario random ~kills:(1 + Random.State.int random 3));
    Xenctrl.interface_close xc
  done;
  (* Every state a domain can be in was found by some builder. *)
  let at_least what n = if n < 10 then Alcotest.failf "only %d domains were found %s" n what in
  at_least "without claims and memory" found.empty;
  at_least "with claims, and without memory" found.claiming;
  at_least "with a part of their memory" found.partial;
  at_least "with all of it" found.whole

(* Claims that were recalled, or a builder that does not claim: a part of a VM, and no promise. *)
let no_promise () =
  let scenario = scenario (Random.State.make [| 1 |]) in
  let xc = Model.create scenario.host in
  let uuid = Build.uuid (List.hd scenario.vms) in
  let part = Building.domain_create ~uuid xc in
  Building.domain_setmaxmem xc part 4096L;
  Alcotest.(check int) "a page" 1 (Building.domain_populate xc part ~order:0 ~extents:1 Any);
  let found = { empty = 0; claiming = 0; partial = 0; whole = 0 } in
  check xc scenario (build found xc scenario (Random.State.make [| 1 |]) ~kills:0)

let tests =
  [
    Alcotest.test_case "killed and started again" `Quick killed;
    Alcotest.test_case "a part without a promise" `Quick no_promise;
  ]
