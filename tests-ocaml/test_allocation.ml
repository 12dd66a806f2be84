(* A SET that succeeds allocates nothing on OCaml's heaps. *)

open Xenctrl_claims
open Test_support
open Values

let calls = Host.rounds 10_000

(* Minor, promoted and major words of this domain that the calls allocate. *)
let words_of f =
  let _, promoted, major = Gc.counters () in
  let minor = Gc.minor_words () in
  for i = 1 to calls do
    f i
  done;
  let minor' = Gc.minor_words () in
  let _, promoted', major' = Gc.counters () in
  (minor' -. minor, promoted' -. promoted, major' -. major)

let nothing (minor, promoted, major) =
  let words = Alcotest.float 0. in
  Alcotest.check words "minor words" 0. minor;
  Alcotest.check words "promoted words" 0. promoted;
  Alcotest.check words "major words" 0. major

let set ?need name a b =
  let test () =
    let h = open_host ~nodes:64 () in
    let d = new_domain h in
    (* Two sets in turn, so that each call changes something. *)
    nothing (words_of (fun i -> Xenctrl.domain_claim_memory h d (if i land 1 = 0 then a else b)));
    Check.claims_of h d (normal a)
  in
  Host.case ?need name test

let legacy () =
  let h = open_host () in
  let d = new_domain h in
  nothing (words_of (fun i -> Xenctrl.domain_claim_pages h d (if i land 1 = 0 then 0L else 100L)))

(* That the measurement sees an allocation at all. *)
let measured () =
  let h = open_host () in
  let d = new_domain h in
  Xenctrl.domain_claim_memory h d [| host 1L |];
  let minor, _, _ = words_of (fun _ -> ignore (Xenctrl.domain_claim_memory_get h d)) in
  Check.at_least "minor words of GET" (10 * calls) (int_of_float minor)

let () =
  let large pages = Array.init 65 (fun i -> node (i - 1) pages) in
  Alcotest.run "allocation"
    [
      ( "none",
        [
          set "a set of 3" [| node 0 1L; node 1 2L; host 3L |] [| host 4L; node 1 5L; node 0 6L |];
          set "a set of 1" [| host 1L |] [| node 0 1L |];
          set ~need:(Nodes 64) "a set of 65" (large 1L) (large 2L);
          Host.case "the legacy call" legacy;
        ] );
      ("some", [ Host.case "GET" measured ]);
    ]
