open Xenctrl_claims

let steps =
  [
    ("no bootloader configured", "looks");
    ("NUMA placement candidate with ", "placed");
    ("xc_dom_boot_mem_init: called", "populates");
    ("xc_dom_build_image: called", "populated");
  ]

(* Xen scrubs what was freed when processors are idle. *)
let seconds_to_scrub = 4.
let pages_of_mib mib = Int64.mul 256L (Int64.of_int mib)

(* So that a storm begins on the same host each time. *)
let ballast xc ~free_mib : Scenario.vm list =
  let of_node (m : Xenctrl.node_memory) mib : Scenario.vm option =
    let more = Int64.sub m.free (pages_of_mib mib) in
    if more < 0L then
      failwith
        (Printf.sprintf "node %d has %s free, and %d MiB are wanted" m.node (Report.gib m.free) mib);
    let name = Printf.sprintf "ballast-%d" m.node in
    if more = 0L then None else Some { name; pages = more; nodes = [ m.node ]; at = infinity }
  in
  let nodes = Xenctrl.node_memory xc in
  if List.compare_lengths nodes free_mib <> 0 then
    failwith
      (Printf.sprintf "the host has %d nodes, not %d" (List.length nodes) (List.length free_mib));
  List.filter_map Fun.id (List.map2 of_node nodes free_mib)

let sample_json ({ time; nodes } : Storm.sample) : Yojson.Safe.t =
  let pages n = `Int (Int64.to_int n) in
  let node (m : Xenctrl.node_memory) = `List [ pages m.size; pages m.free; pages m.claimed ] in
  `Assoc [ ("time", `Float time); ("nodes", `List (List.map node nodes)) ]

let contains text words =
  match Str.search_forward (Str.regexp_string words) text 0 with
  | _ -> true
  | exception Not_found -> false

let play_once xc (scenario : Scenario.t) ~timed (tools, claims) : Yojson.Safe.t =
  let said = List.map (fun (vm : Scenario.vm) -> (vm.name, ref [])) scenario.vms in
  let heard (vm : Scenario.vm) ~time line =
    let came (words, step) =
      let steps = List.assoc vm.name said in
      if contains line words then steps := (step, `Float time) :: !steps
    in
    List.iter came steps
  in
  let heard = if timed then Some heard else None in
  let storm =
    Xl_storm.play xc tools ~claims ~paused:true ?heard ~seed:1 ~progress:ignore scenario
  in
  let steps = List.map (fun (_, steps) -> `Assoc (List.rev !steps)) said in
  `Assoc
    ([
       ("about", `String scenario.about);
       ("storm", Report.storm_json storm);
       ("samples", `List (List.map sample_json storm.samples));
     ]
    @ if timed then [ ("steps", `List steps) ] else [])

let play xc ~free_mib (scenario : Scenario.t) ~timed ~print =
  let sets =
    match Xl.before with
    | Some before -> [ (before, false); (Xl.here, true) ]
    | None -> failwith "there is no xl in /before: './dev xen boot --xl-before' puts one there"
  in
  let play set =
    Unix.sleepf seconds_to_scrub;
    let running = ballast xc ~free_mib @ scenario.running in
    let scenario = { scenario with running } in
    let played = play_once xc scenario ~timed set in
    Storm.clear xc { scenario with vms = [] };
    print played
  in
  List.iter play sets
