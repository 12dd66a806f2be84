(* A hypercall that takes long holds nobody up: the runtime lock is released around it. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

let delay = 0.5

(* Goes on with [work] while the call in [spawn]ed thread or domain is under way, and says how often
   that was possible and the longest time between two times. *)
let progress ~spawn ~join ~work call =
  let started = Atomic.make false and ended = Atomic.make false in
  let result = ref (Error "it did not end") in
  let caller =
    spawn (fun () ->
        Atomic.set started true;
        (match call () with
        | () -> result := Ok ()
        | exception e -> result := Error (Printexc.to_string e));
        Atomic.set ended true)
  in
  let rec wait_for_start () =
    if not (Atomic.get started) then (
      Thread.yield ();
      wait_for_start ())
  in
  wait_for_start ();
  let began = Unix.gettimeofday () in
  let rec go count last longest =
    if Atomic.get ended then (count, Unix.gettimeofday () -. began, longest)
    else (
      work ();
      let now = Unix.gettimeofday () in
      go (count + 1) now (Float.max longest (now -. last)))
  in
  let count, time, longest = go 0 began 0. in
  join caller;
  Alcotest.(check (result unit string)) "the call" (Ok ()) !result;
  Check.at_least "rounds meanwhile" 50 count;
  if time < delay /. 2. then Alcotest.failf "the call was over after %.3f s" time;
  (* Who waits for the lock waits for all of the call; who waits less had no processor. *)
  if longest > 0.8 *. delay then Alcotest.failf "held up for %.3f s" longest

let blocked_call h d () = Xenctrl.domain_claim_memory h d [| host 1L |]

let scene () =
  let h = open_host () in
  let d = new_domain h in
  Model.inject h (Delay delay);
  (h, d)

let thread f = Thread.create f ()

let systhread () =
  let h, d = scene () in
  progress ~spawn:thread ~join:Thread.join ~work:ignore (blocked_call h d);
  Check.claims_of h d [| host 1L |]

(* Other calls on the same handle: no lock of the handle is held either. *)
let same_handle () =
  let h, d = scene () in
  let e = new_domain ~max_pages:100L h in
  let work () = ignore (Building.domain_populate h e ~order:0 ~extents:1 Any) in
  progress ~spawn:thread ~join:Thread.join ~work (blocked_call h d);
  Check.claims_of h d [| host 1L |]

(* A collection needs every domain: one that is in a hypercall with the lock held stops them all. *)
let collection () =
  let h, d = scene () in
  let work () =
    ignore (Sys.opaque_identity (Array.make 100 0.));
    Gc.minor ()
  in
  progress ~spawn:Domain.spawn ~join:Domain.join ~work (blocked_call h d);
  Check.claims_of h d [| host 1L |]

(* GET and the legacy call, too. *)
let other_calls () =
  let calls =
    [
      (fun h d -> ignore (Xenctrl.domain_claim_memory_get h d));
      (fun h d -> Xenctrl.domain_claim_pages h d 1L);
    ]
  in
  List.iter
    (fun call ->
      let h, d = scene () in
      progress ~spawn:thread ~join:Thread.join ~work:ignore (fun () -> call h d))
    calls

let () =
  ignore (Unix.alarm 30);
  let quick name test = Alcotest.test_case name `Quick test in
  Alcotest.run "blocking"
    [
      ( "a blocked call",
        [
          quick "lets another systhread run" systhread;
          quick "lets others use the handle" same_handle;
          quick "lets other domains collect" collection;
          quick "whichever call it is" other_calls;
        ] );
    ]
