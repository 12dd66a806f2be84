(* xl in a Dom0 with 2 nodes: what it claims, and what becomes of others' claims. With the tools of the
   series the rules hold. With those from before, where these are there too, some are broken: which
   shows that the tests see it. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Builder_lib
open Xl_host

let mib = 256
let room = mib + 32 (* What Xen itself takes for a guest is not the guest's. *)
let nothing_is_claimed () = rule "nothing is claimed" (host_claims () = 0L)

(* Of two that start at once, both look at the node that is better, and it has room for one. *)
let race rounds tools () =
  let guests = [ guest "left" mib; guest "right" mib ] in
  while_taken (fun node -> if node = 0 then room + 32 else room + 64) @@ fun () ->
  for _ = 1 to rounds do
    with_guests tools guests @@ fun () ->
    let start guest = snd (Xl.start tools (paused (Xl.create guest))) in
    let ended = List.map (fun ended -> ended ()) (List.map start guests) in
    List.iter (fun (e : Xl.ended) -> rule (Xl.first_error e) (e.status = 0)) ended;
    List.iter (is_where_it_was_placed tools) guests;
    nothing_is_claimed ()
  done

(* The node libxl likes best, when all are free. *)
let favourite tools =
  let probe = guest "probe" mib in
  with_guests tools [ probe ] @@ fun () ->
  built tools probe;
  match List.assoc_opt probe.name (Xl.placement tools) with
  | Some (Some [ node ]) -> node
  | _ -> failwith "a guest of its own is not placed on one node"

let next_node tools () =
  let best = favourite tools and it = guest "next" mib in
  while_claimed (fun node -> if node = best then 64 else room) @@ fun () ->
  with_guests tools [ it ] @@ fun () ->
  built tools it;
  is_where_it_was_placed tools it;
  rule "it has nothing of the node that others claim" (on_node it best = 0L)

let several_nodes tools () =
  let it = guest "both" mib in
  while_claimed (fun _ -> room / 2) @@ fun () ->
  with_guests tools [ it ] @@ fun () ->
  built tools it;
  is_where_it_was_placed tools it;
  rule "it claims nothing" (claimed_by it = 0L)

let refused_early tools guest =
  let ended, most = watching guest (fun () -> Xl.run tools (paused (Xl.create guest))) in
  rule "it is refused" (ended.status <> 0);
  rule "before it has a page" (most.had = 0L);
  let says word =
    match Str.search_forward (Str.regexp_string_case_fold word) ended.said 0 with
    | _ -> true
    | exception Not_found -> false
  in
  rule ("it says that it is for memory: " ^ ended.said) (says "memory")

let no_candidate tools () =
  let it = guest "none" mib in
  while_claimed (fun _ -> mib / 4) @@ fun () ->
  with_guests tools [ it ] @@ fun () -> refused_early tools it

let killed points tools () =
  let it = guest "killed" mib in
  with_guests tools [ it ] @@ fun () ->
  let began = Unix.gettimeofday () in
  built tools it;
  let whole = Unix.gettimeofday () -. began in
  Xl.destroy (Lazy.force xc) tools it;
  let seen = ref 0 in
  for point = 0 to points - 1 do
    let pid, ended = Xl.start tools (paused (Xl.create it)) in
    Unix.sleepf (whole *. float_of_int point /. float_of_int points);
    Unix.kill pid Sys.sigkill;
    ignore (ended () : Xl.ended);
    (match info it with
    | Some { claimed_pages; total_pages; max_pages; _ } ->
        rule "it claims no more than it may have" (Int64.add claimed_pages total_pages <= max_pages);
        if claimed_pages > 0L then (
          incr seen;
          if Sys.command "xen-claims release --orphans --idle 1 --yes >/dev/null" <> 0 then
            failwith "xen-claims fails")
    | None -> ());
    nothing_is_claimed ();
    Xl.destroy (Lazy.force xc) tools it
  done;
  (* Else this shows nothing. As it was, xl claimed for a moment only. *)
  if tools = Xl.here && !seen = 0 then failwith "it was never killed while it claimed"

(* What another claims is not in the way, and not touched. *)
let restored_beside_others tools () =
  let it = guest "saved" 96 ~lines:[ ticking ] in
  let file = "/tmp/saved" in
  let finally () = if Sys.file_exists file then Sys.remove file in
  Fun.protect ~finally @@ fun () ->
  with_guests tools [ it ] @@ fun () ->
  booted tools it;
  must (Xl.run tools [ "save"; it.name; file ]);
  let restore () = Xl.run tools [ "restore"; file ] in
  while_claimed
    (fun _ -> 80)
    (fun () ->
      must (restore ());
      goes_on it;
      rule "it claims nothing" (claimed_by it = 0L);
      Xl.destroy (Lazy.force xc) tools it);
  while_claimed
    (fun _ -> 40)
    (fun () ->
      let ended, most = watching it restore in
      rule "there is no room" (ended.status <> 0);
      rule "which is said before it has a page" (most.had = 0L))

let pvh = {|type = "pvh"|}

(* PV guests are not migrated: that takes shadow paging, which Xen is built without. With another TSC
   mode Xen intercepts RDTSC and RDTSCP on such a host, and QEMU reports one as the other. *)
let migrated_beside_others tools () =
  let it = guest "migrant" 96 ~lines:[ pvh; ticking; {|tsc_mode = "native"|} ] in
  with_guests tools [ it ] @@ fun () ->
  booted tools it;
  let domid () = Option.map (fun (i : Xenctrl.domain_info) -> i.domid) (info it) in
  let was = domid () in
  while_claimed
    (fun _ -> 80)
    (fun () ->
      must (Xl.migrate tools it);
      goes_on it;
      rule "it is another domain" (domid () <> was);
      rule "it claims nothing" (claimed_by it = 0L));
  let is = domid () in
  while_claimed
    (fun _ -> 40)
    (fun () ->
      rule "there is no room" ((Xl.migrate tools it).status <> 0);
      rule "it is where it was" (domid () = is);
      goes_on it;
      rule "it claims nothing" (claimed_by it = 0L))

let claim_mode tools () =
  let it = guest "unclaimed" mib in
  let most_claimed conf =
    with_conf conf @@ fun () ->
    with_guests tools [ it ] @@ fun () -> snd (watching it (fun () -> built tools it))
  in
  rule "it claims nothing" ((most_claimed "claim_mode=0\n").claimed = 0L);
  rule "by default it claims" ((most_claimed "").claimed > 0L)

(* PV guests have none. *)
let virtual_nodes =
  let node n size =
    Printf.sprintf {|[ "pnode=%d", "size=%d", "vcpus=%d", "vdistances=%s" ]|} n size n
      (if n = 0 then "10,20" else "20,10")
  in
  [ pvh; "vcpus = 2"; Printf.sprintf "vnuma = [ %s, %s ]" (node 0 160) (node 1 96) ]

let vnuma tools () =
  let it = guest "vnuma" mib ~lines:virtual_nodes in
  with_guests tools [ it ] (fun () ->
      built tools it;
      List.iter
        (fun (node, size) ->
          (* Without the hole below 1 MiB, and with what Xen and the firmware's tables take. *)
          let differ = Int64.abs (Int64.sub (on_node it node) (pages size)) in
          rule
            (Printf.sprintf "node %d has %d MiB, but for %Ld pages" node size differ)
            (differ < 512L))
        [ (0, 160); (1, 96) ]);
  (* One virtual node has room, the other has not. *)
  while_claimed (fun node -> if node = 0 then room else 64) @@ fun () ->
  with_guests tools [ it ] @@ fun () -> refused_early tools it

let populate_on_demand tools () =
  let it = guest "pod" mib ~lines:[ pvh; Printf.sprintf "maxmem = %d" (2 * mib) ] in
  while_claimed (fun _ -> (room / 2) + 16) @@ fun () ->
  with_guests tools [ it ] @@ fun () ->
  built tools it;
  rule "it claims nothing" (claimed_by it = 0L);
  let has = List.fold_left (fun sum (_, n) -> Int64.add sum n) 0L (memory it) in
  rule "it has what it was given" (has >= pages mib && has < pages (mib + 16))

let pvh_guest tools () =
  let it = guest "pvh" mib ~lines:[ pvh ] in
  with_guests tools [ it ] @@ fun () ->
  built tools it;
  is_where_it_was_placed tools it;
  nothing_is_claimed ()

let ballooning tools () =
  let it = guest "balloon" 160 ~lines:[ ticking; "maxmem = 320" ] in
  with_guests tools [ it ] @@ fun () ->
  booted tools it;
  let total () = match info it with Some i -> i.total_pages | None -> 0L in
  let had = total () in
  while_claimed
    (fun _ -> 24)
    (fun () ->
      must (Xl.run tools [ "mem-set"; it.name; "300" ]);
      wait_until "it grows" (fun () -> total () > had);
      Unix.sleepf 5.;
      rule "it has what nobody claims" (total () <= Int64.add had (pages 48));
      goes_on it);
  wait_until "it has what it wants" (fun () -> total () >= pages 290)

(* xl is stopped when its domain is there, which then claims what its memory is to be. *)
let set_by_others tools () =
  let xc = Lazy.force xc in
  let worse = 1 - favourite tools and it = guest "claimed" mib in
  with_guests tools [ it ] @@ fun () ->
  let pid, ended = Xl.start tools (paused (Xl.create it)) in
  wait_until ~each:0.001 "its domain" (fun () -> info it <> None);
  Unix.kill pid Sys.sigstop;
  let { Xenctrl.domid; total_pages; _ } = Option.get (info it) in
  let claim () =
    if total_pages > 0L then failwith "xl was faster";
    Building.domain_setmaxmem xc domid (Int64.of_int ((mib + 4) * 1024));
    Xenctrl.domain_claim_memory xc domid [| { pages = pages mib; target = Int32.of_int worse } |]
  in
  Fun.protect ~finally:(fun () -> Unix.kill pid Sys.sigcont) claim;
  let ended = ended () in
  rule (Xl.first_error ended) (ended.status = 0);
  rule "its memory is where it was claimed" (on_node it worse >= pages mib)

let () =
  Xl.start_daemons ();
  let on tools = List.map (fun (name, speed, case) -> Alcotest.test_case name speed (case tools)) in
  let breaks tools =
    let inverted case () =
      match case tools () with
      | exception Broken what -> print_endline ("as it was, this is broken: " ^ what)
      | () -> Alcotest.fail "it holds without the patches: it shows nothing of them"
    in
    List.map (fun (name, speed, case) -> Alcotest.test_case name speed (inverted case))
  in
  let race =
    [ ("race for a node", `Quick, race 6); ("race for a node, 50 times", `Slow, race 50) ]
  in
  let next = [ ("the best node is claimed", `Quick, next_node) ] in
  let broken_before =
    [
      ("each node is claimed in part", `Quick, several_nodes);
      ("restored beside others", `Quick, restored_beside_others);
      ("a set made by others", `Quick, set_by_others);
    ]
  in
  (* As it was, no PVH guest with virtual nodes could be built. *)
  let virtual_nodes = [ ("virtual nodes", `Quick, vnuma) ] in
  let others =
    [
      ("all nodes are claimed", `Quick, no_candidate);
      ("killed", `Quick, killed 10);
      ("killed, 50 times", `Slow, killed 50);
      ("migrated beside others", `Quick, migrated_beside_others);
      ("claim_mode", `Quick, claim_mode);
      ("PVH", `Quick, pvh_guest);
      ("populate on demand", `Quick, populate_on_demand);
      ("ballooning beside others", `Quick, ballooning);
    ]
  in
  let first = List.filteri (fun i _ -> i = 0) in
  Alcotest.run "xl"
    (("xl", on Xl.here (race @ next @ broken_before @ virtual_nodes @ others))
    ::
    (match Xl.before with
    | None -> []
    | Some tools ->
        let must_break = breaks tools (first race @ next @ broken_before) in
        [ ("before", must_break @ on tools others) ]))
