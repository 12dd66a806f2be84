(* What the snapshots don't show: all sizes, bars of any width, and who is left over. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Xen_claims_command

let quick name test = Alcotest.test_case name `Quick test

let property name generator print law =
  QCheck_alcotest.to_alcotest (QCheck2.Test.make ~count:1000 ~name ~print generator law)

(* Numbers of every length, and those next to a whole unit. *)
let pages =
  let open QCheck2.Gen in
  let any = map2 (fun shift n -> Int64.shift_right_logical n shift) (int_range 1 63) int64 in
  let near unit = map (fun (n, d) -> Int64.(add (mul unit (of_int n)) (of_int d))) in
  let near unit = near unit (pair (int_range 1 5000) (int_range (-1) 1)) in
  oneof [ any; near 1L; near 256L; near 262_144L; near 268_435_456L ]

let sizes =
  [
    property "what is written can be read" pages Int64.to_string (fun pages ->
        Size.of_string (Size.to_string pages) = Ok pages);
    property "rough is at most 1M less" pages Int64.to_string (fun pages ->
        match Size.of_string (Size.rough pages) with
        | Ok rough -> 0L <= Int64.sub pages rough && Int64.sub pages rough < 256L
        | Error _ -> false);
  ]

let visible text =
  let rec skip i = if text.[i] = 'm' then i + 1 else skip (i + 1) in
  let rec go i n =
    if i = String.length text then n
    else if text.[i] = '\027' then go (skip i) n
    else go (i + 1) (n + 1)
  in
  go 0 0

let bars =
  let parts = QCheck2.Gen.(list_size (return 3) pages) in
  let print = QCheck2.Print.(list Int64.to_string) in
  let bar style = function
    | [ a; b; c ] -> Table.bar style ~width:30 [ ('#', "1", a); ('+', "2", b); ('.', "3", c) ]
    | _ -> assert false
  in
  [
    property "a bar is as wide as it says" parts print (fun parts ->
        let any = List.exists (fun part -> part > 0L) parts in
        visible (bar (Terminal { colours = true }) parts) = if any then 30 else 0);
    property "what is there can be seen" parts print (fun parts ->
        let text = bar Plain parts in
        List.for_all2 (fun part c -> String.contains text c = (part > 0L)) parts [ '#'; '+'; '.' ]);
  ]

let domain : Xenctrl.domain_info =
  let xc = Model.create "1x1" in
  ignore (Building.domain_create xc);
  let new_domain = List.hd (Xenctrl.domain_list xc) in
  { new_domain with domid = 5; total_pages = 10L; max_pages = 100L; claimed_pages = 50L }

let candidates () =
  let is what expected domain =
    Alcotest.(check bool) what expected (Orphans.candidates [ domain ] = [ domain ])
  in
  is "left over" true domain;
  is "it runs" false { domain with paused = false };
  is "it ran, and was paused" false { domain with cpu_time = 1L };
  is "it claims nothing" false { domain with claimed_pages = 0L };
  is "it is destroyed" false { domain with dying = true }

let unchanged () =
  let is what expected before =
    Alcotest.(check bool) what expected (Orphans.unchanged ~before ~now:[ domain ] = [ domain ])
  in
  is "as before" true [ { domain with domid = 4 }; domain ];
  is "new" false [];
  is "another" false [ { domain with domid = 4 } ];
  is "populated meanwhile" false [ { domain with total_pages = 9L; claimed_pages = 51L } ];
  is "claimed meanwhile" false [ { domain with claimed_pages = 40L } ];
  let ended = { domain with claimed_pages = 0L } in
  Alcotest.(check int)
    "built meanwhile" 0
    (List.length (Orphans.unchanged ~before:[ domain ] ~now:[ ended ]))

(* A builder is at work on domain 2 while the command waits. *)
let left_alone () =
  let xc = Model.create "1x1" in
  let claiming () =
    let d = Building.domain_create xc in
    Building.domain_setmaxmem xc d 4096L;
    Xenctrl.domain_claim_memory xc d [| { pages = 100L; target = 0l } |];
    d
  in
  let left = claiming () in
  let built = claiming () in
  let build () =
    Thread.delay 0.1;
    ignore (Building.domain_populate xc built ~order:0 ~extents:10 (Exact 0))
  in
  let builder = Thread.create build () in
  let ended = Cmd_release.release_orphans ~idle:1. ~yes:true xc in
  Thread.join builder;
  let claims d = Claim_set.to_string (Claim_set.of_domain xc d) in
  Alcotest.(check bool) "done" true (ended = Ok ());
  Alcotest.(check string) "nobody builds it" "nothing" (claims left);
  Alcotest.(check string) "somebody builds it" "0=90p" (claims built)

let () =
  Alcotest.run "xen-claims"
    [
      ("sizes", sizes);
      ("bars", bars);
      ( "orphans",
        [ quick "candidates" candidates; quick "unchanged" unchanged; quick "at work" left_alone ]
      );
    ]
