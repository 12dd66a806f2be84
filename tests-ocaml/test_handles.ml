(* The life of a handle: closing, closing during a call, finalisation during a call, panics. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

let calls_on_a_handle : (string * (Xenctrl.handle -> unit)) list =
  [
    ("domain_claim_memory", fun h -> Xenctrl.domain_claim_memory h 1 [| host 1L |]);
    ("domain_claim_memory_get", fun h -> ignore (Xenctrl.domain_claim_memory_get h 1));
    ("domain_claim_pages", fun h -> Xenctrl.domain_claim_pages h 1 1L);
    ("node_memory", fun h -> ignore (Xenctrl.node_memory h));
    ("host_memory", fun h -> ignore (Xenctrl.host_memory h));
    ("domain_list", fun h -> ignore (Xenctrl.domain_list h));
    ("Building.domain_create", fun h -> ignore (Building.domain_create h));
    ("Building.domain_setmaxmem", fun h -> Building.domain_setmaxmem h 1 4L);
    ("domain_set_node_affinity", fun h -> Xenctrl.domain_set_node_affinity h 1 [ 0 ]);
    ( "Building.domain_populate",
      fun h -> ignore (Building.domain_populate h 1 ~order:0 ~extents:1 Any) );
    ("Building.domain_destroy", fun h -> Building.domain_destroy h 1);
    ("Model.inject", fun h -> Model.inject h Panic);
  ]

let use_after_close (name, call) =
  let test () =
    let h = open_host () in
    ignore (new_domain h);
    Xenctrl.interface_close h;
    Check.closed name (fun () -> call h);
    Check.closed name (fun () -> call h)
  in
  Host.case name test

let double_close () =
  let h = open_host () in
  let g = open_host () in
  Xenctrl.interface_close h;
  Xenctrl.interface_close h;
  ignore (Xenctrl.host_memory g);
  Check.closed "host_memory" (fun () -> Xenctrl.host_memory h)

(* Many closed at once, by domains that also use it: each call works or says that it is closed. *)
let close_race () =
  for _ = 1 to Host.rounds 200 do
    let h = open_host () in
    let use () =
      match
        while true do
          ignore (Xenctrl.host_memory h)
        done
      with
      | () -> assert false
      | exception Invalid_argument message -> message
    in
    let users = List.init 2 (fun _ -> Domain.spawn use) in
    Xenctrl.interface_close h;
    List.iter
      (fun user ->
        Alcotest.(check string)
          "ends" "Xenctrl.host_memory: the handle is closed" (Domain.join user))
      users
  done

(* The delayed call runs in another domain; [during] runs when it is surely under way. *)
let during_a_call call during =
  let started = Atomic.make false and ended = Atomic.make false in
  let caller =
    Domain.spawn (fun () ->
        Atomic.set started true;
        let result = outcome call in
        Atomic.set ended true;
        result)
  in
  assert (within 5. (fun () -> Atomic.get started));
  Unix.sleepf 0.1;
  during ();
  let in_time = not (Atomic.get ended) in
  let result = Domain.join caller in
  Alcotest.(check bool) "the call was still under way" true in_time;
  result

let delay = 0.6

let close_during_a_call () =
  let h = open_host () in
  let d = new_domain h in
  let claims = [| host 3L; node 1 2L |] in
  Xenctrl.domain_claim_memory h d claims;
  Model.inject h (Delay delay);
  let result =
    during_a_call
      (fun () -> Xenctrl.domain_claim_memory_get h d)
      (fun () ->
        Xenctrl.interface_close h;
        Check.closed "domain_claim_memory_get" (fun () -> Xenctrl.domain_claim_memory_get h d))
  in
  Alcotest.(check (Check.outcome Check.claims)) "ends as it would have" (Returned claims) result;
  Check.closed "host_memory" (fun () -> Xenctrl.host_memory h)

(* Not inlined, so that no frame of the caller keeps the handle. *)
let[@inline never] delayed_host pages =
  let h = open_host () in
  let d = new_domain h in
  Xenctrl.domain_claim_memory h d [| host pages |];
  Model.inject h (Delay delay);
  let weak = Weak.create 1 in
  Weak.set weak 0 (Some h);
  (Atomic.make (Some (h, d)), weak)

let[@inline never] take slot = Option.get (Atomic.exchange slot None)

(* A stub that only borrowed what the handle owns would read freed memory after the delay. The weak
   pointer shows that the handle is gone; other hosts take its place in memory. *)
let finalised_during_a_call () =
  let slot, weak = delayed_host 77L in
  let call () =
    let h, d = take slot in
    Xenctrl.domain_claim_memory_get h d
  in
  let others = ref [] in
  let result =
    during_a_call call (fun () ->
        Gc.full_major ();
        Gc.full_major ();
        Alcotest.(check bool) "the handle is gone" false (Weak.check weak 0);
        others := List.init 200 (fun _ -> delayed_host 88L))
  in
  Alcotest.(check (Check.outcome Check.claims))
    "ends as it would have"
    (Returned [| host 77L |])
    result;
  Alcotest.(check int) "other hosts" 200 (List.length !others)

(* A model of some MiB. *)
let large_host () =
  let h = open_host () in
  for _ = 1 to 2_000 do
    ignore (Building.domain_create h)
  done;
  h

(* A connection to Xen is some open files. *)
let no_file_stays_open () =
  let count () = Array.length (Sys.readdir "/proc/self/fd") in
  let before = count () in
  for i = 1 to Host.rounds 100 do
    let h = open_host () in
    ignore (Xenctrl.host_memory h);
    if i land 1 = 0 then Xenctrl.interface_close h
  done;
  Gc.full_major ();
  Gc.full_major ();
  Alcotest.(check int) "open files" before (count ())

(* 100 of them: a leak is 200 MiB and more. *)
let frees_memory name dispose =
  let test () =
    let use () = dispose (large_host ()) in
    use ();
    Gc.full_major ();
    let before = resident_kib () in
    for _ = 1 to 100 do
      use ();
      Gc.full_major ()
    done;
    let grown = resident_kib () - before in
    if grown > 50_000 then Alcotest.failf "grown by %d KiB" grown
  in
  Host.case ~need:(Embedded "whose memory is this program's") name test

let panic () =
  let h = open_host () in
  let d = new_domain h in
  Xenctrl.domain_claim_memory h d [| node 0 5L |];
  let calls =
    [
      (fun () -> Xenctrl.domain_claim_memory h d [| node 1 9L |]);
      (fun () -> ignore (Xenctrl.domain_claim_memory_get h d));
      (fun () -> Xenctrl.domain_claim_pages h d 0L);
    ]
  in
  List.iter
    (fun call ->
      Check.unchanged h (fun () ->
          Model.inject h Panic;
          Check.panics call);
      Check.returns "the handle is usable" (fun () ->
          Xenctrl.domain_claim_memory h d [| node 0 5L |]))
    calls;
  (* Also outside of a call of the hypervisor. *)
  Alcotest.check_raises "in the binding" (Xenctrl.Panic "injected into the binding") (fun () ->
      Model.inject h Panic_in_binding);
  (* One panic for each that was injected, in turn with delays. *)
  List.iter (Model.inject h) [ Panic; Delay 0.; Panic ];
  Check.panics (fun () -> Xenctrl.domain_claim_memory_get h d);
  ignore (Xenctrl.domain_claim_memory_get h d);
  Check.panics (fun () -> Xenctrl.domain_claim_memory_get h d);
  Check.claims_of h d [| node 0 5L |]

(* With a lock that a panic poisons, or panics that meet in another domain, one of these would not
   come, or all others would. *)
let parallel_panics () =
  let h = open_host () in
  let count = 100 in
  let panics_of () =
    let d = new_domain h in
    let panicked = ref 0 in
    for _ = 1 to count do
      Model.inject h Panic;
      match Xenctrl.domain_claim_memory h d [| host 1L |] with
      | () -> ()
      | exception Xenctrl.Panic _ -> incr panicked
    done;
    !panicked
  in
  let domains = List.init 4 (fun _ -> Domain.spawn panics_of) in
  (* Each call comes after a fault of its own, so that there is one for each. *)
  Alcotest.(check (list int)) "panics" [ count; count; count; count ] (List.map Domain.join domains);
  Check.pages "claimed" 0L (Xenctrl.host_memory h).outstanding_pages

let bad_delays () =
  let h = open_host () in
  List.iter
    (fun seconds -> Check.invalid_from "Model.inject" (fun () -> Model.inject h (Delay seconds)))
    [ -1.; Float.nan; Float.infinity; 1e30 ]

(* What was asked for was Xen: if it is not there, a model must not take its place. *)
let no_xen () =
  match Xenctrl.interface_open () with
  | h ->
      (match outcome (fun () -> Model.inject h Panic) with
      | Refused (EOPNOTSUPP, "Model.inject", "a handle of Xenctrl.interface_open") -> ()
      | _ -> Alcotest.fail "interface_open gave an embedded hypervisor");
      Xenctrl.interface_close h;
      let kept = Xenctrl.with_intf Fun.id in
      Check.closed "domain_list" (fun () -> Xenctrl.domain_list kept)
  | exception Unix.Unix_error (_, name, reason) ->
      Alcotest.(check string) "function" "interface_open" name;
      Check.at_least "length of the reason" 10 (String.length reason);
      let ran = ref false in
      (match Xenctrl.with_intf (fun _ -> ran := true) with
      | () -> Alcotest.fail "with_intf returned"
      | exception Unix.Unix_error _ -> ());
      Alcotest.(check bool) "not run" false !ran

let () =
  ignore (Unix.alarm 60);
  let quick = Host.case in
  let delays = Host.Embedded "to delay a call" and faults = Host.Embedded "to have faults" in
  Alcotest.run "handles"
    [
      ("use after close", List.map use_after_close calls_on_a_handle);
      ( "close",
        [
          quick "twice" double_close;
          quick "while others call" close_race;
          quick ~need:delays "during a call" close_during_a_call;
        ] );
      ( "end",
        [
          quick ~need:delays "finalised during a call" finalised_during_a_call;
          quick "no file stays open" no_file_stays_open;
          frees_memory "closing frees" Xenctrl.interface_close;
          frees_memory "finalising frees" ignore;
        ] );
      ( "panic",
        [
          quick ~need:faults "the handle stays usable" panic;
          quick ~need:faults "in several domains" parallel_panics;
          quick ~need:faults "bad delays" bad_delays;
        ] );
      ("no Xen", [ quick "is said" no_xen ]);
    ]
