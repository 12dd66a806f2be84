open Xenctrl_claims
open Builder_lib

let on host f =
  let xc = Xenctrl.Model.create host in
  Fun.protect ~finally:(fun () -> Xenctrl.interface_close xc) (fun () -> f xc)

let vm ?(nodes = []) name mib : Vm_list.vm = { name; mib; nodes }

(* The host is as the results say: nothing is claimed, and only built VMs exist and have memory. *)
let check_host xc builds =
  let nodes = Xenctrl.node_memory xc in
  let report : Report.t = { host = "test"; builders = 1; nodes; builds; seconds = 0. } in
  let outstanding_pages = (Xenctrl.host_memory xc).outstanding_pages in
  let failed (build : Build.t) = match build.outcome with Failed _ -> true | _ -> false in
  let report = { report with builds = List.filter (fun build -> not (failed build)) builds } in
  Alcotest.(check (list string))
    "no problems" []
    (Report.problems report ~exact:true ~outstanding_pages);
  let built (build : Build.t) =
    match build.outcome with
    | Built { domid; _ } -> Some (domid, Int64.of_int (build.vm.mib * Build.pages_per_mib))
    | Refused _ | Failed _ -> None
  in
  Alcotest.(check (list (pair int int64)))
    "domains"
    (List.sort compare (List.filter_map built builds))
    (List.map
       (fun (info : Xenctrl.domain_info) -> (info.domid, info.total_pages))
       (Xenctrl.domain_list xc))

let storm () =
  for seed = 1 to 50 do
    let random = Random.State.make [| seed |] in
    let vms =
      List.init 40 (fun i ->
          let nodes = if Random.State.int random 4 = 0 then [ Random.State.int random 4 ] else [] in
          vm ~nodes (string_of_int i) (1 + Random.State.int random 3000))
    in
    on "4x4" @@ fun xc ->
    let builds = Pool.map ~workers:8 (Build.vm xc) vms in
    Alcotest.(check bool) "list order" true (List.map (fun (b : Build.t) -> b.vm) builds = vms);
    check_host xc builds;
    let refused (build : Build.t) = match build.outcome with Refused _ -> true | _ -> false in
    Alcotest.(check bool) "does not fit" true (List.exists refused builds);
    List.iter
      (fun (build : Build.t) ->
        match build.outcome with
        | Failed reason -> Alcotest.fail reason
        | Refused (Short nodes) ->
            Alcotest.(check bool)
              "short" true
              (List.fold_left (fun sum (n : Plan.node) -> sum + n.claimable_mib) 0 nodes
              < build.vm.mib)
        | Refused Outrun | Built _ -> ())
      builds
  done

(* One claim takes long, so that the other builder's comes between it and the look at the nodes. *)
let race host expected =
  on host @@ fun xc ->
  Xenctrl.Model.inject xc (Delay 0.2);
  let builds = Pool.map ~workers:2 (Build.vm xc) [ vm "a" 1024; vm "b" 1024 ] in
  check_host xc builds;
  let built (build : Build.t) = match build.outcome with Built _ -> 1 | _ -> 0 in
  let sum f = List.fold_left (fun sum build -> sum + f build) 0 builds in
  Alcotest.(check (pair int int))
    "built, retries" expected
    (sum built, sum (fun build -> build.retries))

let lost_races () =
  race "2x1" (2, 1);
  race "1x1" (1, 1)

let panic () =
  on "1x4" @@ fun xc ->
  Xenctrl.Model.inject xc Panic;
  let build = Build.vm xc (vm "a" 1024) in
  Alcotest.(check bool)
    "failed" true
    (match build.outcome with Failed _ -> true | Built _ | Refused _ -> false);
  check_host xc [ build ];
  let again = Build.vm xc (vm "b" 4096) in
  check_host xc [ again ];
  Alcotest.(check bool)
    "the next is built" true
    (match again.outcome with Built _ -> true | Failed _ | Refused _ -> false)

(* 1 GiB, 2 MiB and 4 KiB extents are needed for the first; the second gets the odd rest. *)
let odd_sizes () =
  on "2x2" @@ fun xc ->
  let builds = List.map (Build.vm xc) [ vm "a" 1539; vm "b" 2555; vm "c" 3 ] in
  check_host xc builds;
  Alcotest.(check (list bool))
    "built" [ true; true; false ]
    (List.map (fun (b : Build.t) -> match b.outcome with Built _ -> true | _ -> false) builds)

let pool () =
  let items = List.init 1000 Fun.id in
  let square n = n * n in
  List.iter
    (fun workers ->
      Alcotest.(check (list int)) "map" (List.map square items) (Pool.map ~workers square items))
    [ 1; 3; 64 ];
  Alcotest.(check (list int)) "none" [] (Pool.map ~workers:4 square []);
  let finished = Atomic.make 0 in
  let f n =
    if n mod 10 = 3 then failwith (string_of_int n);
    Atomic.incr finished
  in
  Alcotest.check_raises "the first failure" (Failure "3") (fun () ->
      ignore (Pool.map ~workers:4 f (List.init 20 Fun.id)));
  Alcotest.(check int) "the others are done" 18 (Atomic.get finished)

let tests =
  [
    Alcotest.test_case "8 builders, a list that does not fit" `Quick storm;
    Alcotest.test_case "lost races" `Quick lost_races;
    Alcotest.test_case "a panic in the hypervisor" `Quick panic;
    Alcotest.test_case "odd sizes" `Quick odd_sizes;
    Alcotest.test_case "the pool" `Quick pool;
  ]
