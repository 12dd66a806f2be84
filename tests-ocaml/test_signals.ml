(* Signal handlers that raise: an exception must not leave through the frames of a stub. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values

exception Tick

(* Only while it may: so that the exception comes from the calls between, or right behind one. *)
let armed = ref false

let on_tick _ =
  if !armed then (
    armed := false;
    raise Tick)

let with_handler f =
  let before = Sys.signal Sys.sigalrm (Signal_handle on_tick) in
  Fun.protect f ~finally:(fun () ->
      armed := false;
      Sys.set_signal Sys.sigalrm before)

let with_ticks seconds f =
  let set interval =
    ignore (Unix.setitimer ITIMER_REAL { it_interval = interval; it_value = interval })
  in
  with_handler (fun () ->
      set seconds;
      Fun.protect f ~finally:(fun () ->
          armed := false;
          set 0.))

(* [f ()], and whether a tick interrupted it. *)
let interrupted f =
  match
    armed := true;
    f ();
    armed := false
  with
  | () -> false
  | exception Tick -> true

(* OCaml runs handlers where it allocates. *)
let[@inline never] poll_point () = ignore (Sys.opaque_identity (ref 0))

(* A tick comes between two calls: all of them are whole. *)
let calls_and_poll_points h d a b =
  Xenctrl.domain_claim_memory h d a;
  poll_point ();
  Xenctrl.domain_claim_memory h d b;
  poll_point ();
  ignore (Xenctrl.domain_claim_memory_get h d);
  poll_point ()

(* No poll point but at the end: a tick that is noticed earlier was noticed by a stub. *)
let calls h d a b =
  Xenctrl.domain_claim_memory h d a;
  Xenctrl.domain_claim_memory h d b;
  ignore (Xenctrl.domain_claim_memory_get h d);
  Xenctrl.domain_claim_memory h d a;
  Xenctrl.domain_claim_memory h d b;
  ignore (Xenctrl.domain_claim_memory_get h d);
  poll_point ()

let old_or_new () =
  let h = open_host () in
  let d = new_domain h in
  let a = [| host 1L; node 0 2L; node 1 3L |] and b = [| host 40L; node 2 50L |] in
  Xenctrl.domain_claim_memory h d a;
  let rounds = ref 0 and ticks = ref 0 in
  let deadline = Unix.gettimeofday () +. 15. in
  with_ticks 0.000_1 (fun () ->
      while (!rounds < 70_000 || !ticks < 2_000) && Unix.gettimeofday () < deadline do
        incr rounds;
        if interrupted (fun () -> calls h d a b) then (
          incr ticks;
          let found = Xenctrl.domain_claim_memory_get h d in
          if found <> a && found <> b then
            Alcotest.failf "half a set: %a" (Alcotest.pp Check.claims) found;
          Check.claims_of h d found)
      done);
  Check.at_least "rounds of 3 or 6 calls" 70_000 !rounds;
  Check.at_least "interrupted rounds" 2_000 !ticks;
  Xenctrl.domain_claim_memory h d a;
  Check.claims_of h d a

(* The same with systhreads, which take each other's signals. *)
let with_systhreads () =
  let h = open_host () in
  let stop = Atomic.make false in
  let thread () =
    ignore (Thread.sigmask SIG_BLOCK [ Sys.sigalrm ]);
    let d = new_domain h in
    while not (Atomic.get stop) do
      Xenctrl.domain_claim_memory h d [| host 1L; node 0 1L |];
      ignore (Xenctrl.domain_claim_memory_get h d)
    done
  in
  let threads = List.init 2 (fun _ -> Thread.create thread ()) in
  let d = new_domain h in
  let a = [| host 1L; node 0 2L |] and b = [| node 2 50L |] in
  Xenctrl.domain_claim_memory h d a;
  let ticks = ref 0 in
  let deadline = Unix.gettimeofday () +. 15. in
  with_ticks 0.000_1 (fun () ->
      while !ticks < 300 && Unix.gettimeofday () < deadline do
        if interrupted (fun () -> calls_and_poll_points h d a b) then incr ticks;
        let found = Xenctrl.domain_claim_memory_get h d in
        if found <> a && found <> b then Alcotest.fail "half a set"
      done);
  Atomic.set stop true;
  List.iter Thread.join threads;
  Check.at_least "interrupted rounds" 300 !ticks

(* An exception that skips a stub's frames leaves behind what they hold: a share of the model, here
   of some MiB, which then is never freed. *)
let nothing_is_left_behind () =
  let round () =
    let h = open_host () in
    for _ = 1 to 2_000 do
      ignore (Building.domain_create h)
    done;
    Building.domain_setmaxmem h 1 4000L;
    let a = [| host 1L; node 0 2L |] and b = [| node 2 50L |] in
    with_ticks 0.000_2 (fun () ->
        for _ = 1 to 5 do
          let deadline = Unix.gettimeofday () +. 5. in
          while not (interrupted (fun () -> calls h 1 a b)) do
            assert (Unix.gettimeofday () < deadline)
          done
        done);
    Xenctrl.interface_close h
  in
  round ();
  let before = resident_kib () in
  for _ = 1 to 100 do
    round ()
  done;
  let grown = resident_kib () - before in
  if grown > 40_000 then Alcotest.failf "grown by %d KiB" grown

let signals_are_let_in () =
  if List.mem Sys.sigalrm (Unix.sigprocmask SIG_BLOCK []) then Alcotest.fail "signals are kept out"

(* Wherever the handler raises, nothing stays claimed; and afterwards signals come as before. *)
let with_claims_releases () =
  let h = open_host () in
  let d = new_domain h in
  let set = [| host 1L; node 0 2L |] in
  let ticks = ref 0 and rounds = ref 0 in
  let deadline = Unix.gettimeofday () +. 15. in
  with_ticks 0.000_1 (fun () ->
      while !ticks < 2_000 && Unix.gettimeofday () < deadline do
        incr rounds;
        let tick = interrupted (fun () -> ignore (Claims.with_claims h d set poll_point)) in
        if tick then incr ticks;
        Check.claims_of h d [||];
        signals_are_let_in ()
      done);
  Check.at_least "interrupted rounds" 2_000 !ticks

(* The moments that ticks rarely meet: right behind each SET, with the handler's first chance to run
   before what made the call knows how it ended. *)
let with_claims_at_each_set () =
  let h = open_host () in
  let d = new_domain h in
  let until_tick = ref 0 in
  let module Interrupted = Claims.Make (struct
    include Claims.Xen

    let set h d claims =
      Claims.Xen.set h d claims;
      decr until_tick;
      if !until_tick = 0 then (
        Unix.kill (Unix.getpid ()) Sys.sigalrm;
        poll_point ())
  end) in
  let interrupted_at sets =
    until_tick := sets;
    let tick =
      with_handler (fun () ->
          interrupted (fun () ->
              match Interrupted.with_claims h d [| host 1L; node 0 2L |] poll_point with
              | Ok () | (Error _ : (unit, Claims.install_error) result) -> poll_point ()))
    in
    Alcotest.(check bool) "the handler ran" true tick;
    Check.claims_of h d [||];
    signals_are_let_in ()
  in
  (* Claiming, and releasing. *)
  interrupted_at 1;
  interrupted_at 2

(* After a refusal, and where there is no answer at all, signals come as before. *)
let with_claims_refused () =
  let h = open_host () in
  let d = new_domain h in
  let refused = Claims.with_claims h d [| node 9 1L |] ignore in
  Alcotest.(check bool) "refused" true (refused = Error (`No_such_node 9));
  signals_are_let_in ();
  Xenctrl.interface_close h;
  Check.closed "domain_claim_memory" (fun () -> Claims.with_claims h d [| node 0 1L |] ignore);
  signals_are_let_in ()

(* A signal during a long hypercall does not end it; the handler runs when it is over. *)
let during_a_call () =
  let h = open_host () in
  let d = new_domain h in
  Model.inject h (Delay 0.3);
  let began = Unix.gettimeofday () in
  let tick =
    with_ticks 0.05 (fun () ->
        interrupted (fun () ->
            Xenctrl.domain_claim_memory h d [| node 1 5L |];
            poll_point ()))
  in
  Alcotest.(check bool) "the handler ran" true tick;
  Alcotest.(check bool) "after the call" true (Unix.gettimeofday () -. began >= 0.3);
  Check.claims_of h d [| node 1 5L |]

let () =
  let quick name test = Alcotest.test_case name `Quick test in
  Alcotest.run "signals"
    [
      ( "a handler that raises",
        [
          quick "no call is half done" old_or_new;
          quick "with systhreads" with_systhreads;
          quick "nothing is left behind" nothing_is_left_behind;
          quick "with_claims releases" with_claims_releases;
          quick "with_claims releases, wherever" with_claims_at_each_set;
          quick "with_claims lets signals in after a refusal" with_claims_refused;
          quick "waits for a long call" during_a_call;
        ] );
    ]
