open Xenctrl_claims
open Xenctrl_claims_testing

type by =
  | Builder of Build.how
  | Xl of { claims : bool }
  | Replayed of { how : string; claims : bool }

type vm = { build : Build.t; memory : (int * int64) list; up : float option }
type sample = { time : float; nodes : Xenctrl.node_memory list }

type t = {
  by : by;
  seconds : float;
  vms : vm list;
  samples : sample list;
  outstanding_pages : int64;
}

type progress = { time : float; built : int; refused : int; failed : int; of_all : int }

(* What a builder does between the plan and the first page, and how fast it populates: 4 GiB/s. *)
let think = (0.2, 0.6)
let seconds_per_page = 0.25 /. 262_144.
let pages_per_step = 262_144.
let seconds_per_sample = 0.1

let found xc =
  let by_uuid = Hashtbl.create 64 in
  List.iter
    (fun (info : Xenctrl.domain_info) -> Hashtbl.replace by_uuid info.uuid info)
    (Xenctrl.domain_list xc);
  fun vm -> Hashtbl.find_opt by_uuid (Build.uuid vm)

let clear xc (scenario : Scenario.t) =
  let found = found xc in
  let destroy (info : Xenctrl.domain_info) = Building.domain_destroy xc info.domid in
  List.iter (fun vm -> Option.iter destroy (found vm)) (scenario.running @ scenario.vms)

(* Those that run already: there before time begins, and on their nodes. *)
let run_already xc ~seed (scenario : Scenario.t) =
  let found = found xc in
  let pace = { Build.think = (0., 0.); seconds_per_page = 0.; step = max_int } in
  let env = { Build.xc; how = Claims_and_exact_nodes; seed; crossing = Fun.id; pace } in
  let running actor =
    List.iteri
      (fun i vm ->
        let build = Build.vm env actor ~index:(-1 - i) (found vm) vm in
        match build.outcome with
        | Built _ -> ()
        | Refused { reason; _ } | Failed { reason; _ } ->
            invalid_arg (Printf.sprintf "%s is to run already: %s" vm.name reason))
      scenario.running
  in
  Clock.run Simulated [ running ] ~background:[];
  let left, running = List.partition (fun (vm : Scenario.vm) -> vm.at = 0.) scenario.running in
  clear xc { scenario with running = left; vms = [] };
  running

let memory_of all (build : Build.t) =
  let of_it domid (m : Building.Domain_memory.t) =
    if m.domid = domid then Some (m.node, m.pages) else None
  in
  match build.outcome with
  | Built domid -> List.filter_map (of_it domid) all
  | Refused _ | Failed _ -> []

let count f results = List.length (List.filter f results)

let play xc kind ~how ~seed ?(scale = 1.) ?(speed = 1.) ?(crossing = Fun.id) ~progress
    (scenario : Scenario.t) =
  let env =
    {
      Build.xc;
      how;
      seed;
      crossing;
      pace =
        {
          think = (fst think /. speed, snd think /. speed);
          seconds_per_page = seconds_per_page /. scale /. speed;
          step = max 512 (int_of_float (pages_per_step *. scale));
        };
    }
  in
  let running = run_already xc ~seed scenario in
  let found = found xc in
  let vms = Array.of_list scenario.vms in
  let builds = Array.make (Array.length vms) None in
  let next = Atomic.make 0 in
  let rec builder actor =
    let i = Atomic.fetch_and_add next 1 in
    if i < Array.length vms then (
      Clock.wait_until actor (vms.(i).at /. speed);
      builds.(i) <- Some (Build.vm env actor ~index:i (found vms.(i)) vms.(i));
      builder actor)
  in
  let departures actor =
    let domids = Hashtbl.create 16 in
    List.iter
      (fun (info : Xenctrl.domain_info) -> Hashtbl.replace domids info.uuid info.domid)
      (Xenctrl.domain_list xc);
    List.filter (fun (vm : Scenario.vm) -> vm.at < infinity) running
    |> List.stable_sort (fun (a : Scenario.vm) (b : Scenario.vm) -> Float.compare a.at b.at)
    |> List.iter (fun (vm : Scenario.vm) ->
           Clock.wait_until actor (vm.at /. speed);
           Option.iter (Building.domain_destroy xc) (Hashtbl.find_opt domids (Build.uuid vm)))
  in
  let samples = ref [] in
  let report time =
    let done_ = List.filter_map Fun.id (Array.to_list builds) in
    let outcomes f = count (fun (build : Build.t) -> f build.outcome) done_ in
    progress
      {
        time;
        built = outcomes (function Built _ -> true | _ -> false);
        refused = outcomes (function Refused _ -> true | _ -> false);
        failed = outcomes (function Failed _ -> true | _ -> false);
        of_all = Array.length vms;
      }
  in
  let sample time = samples := { time; nodes = Xenctrl.node_memory xc } :: !samples in
  let rec sampler actor =
    sample (Clock.now actor);
    report (Clock.now actor);
    Clock.spend actor (seconds_per_sample /. speed);
    sampler actor
  in
  let builders = List.init (min scenario.builders (Array.length vms)) (fun _ -> builder) in
  Clock.run kind (builders @ [ departures ]) ~background:[ sampler ];
  let builds = List.map Option.get (Array.to_list builds) in
  let seconds = List.fold_left (fun t (build : Build.t) -> Float.max t build.ended) 0. builds in
  sample seconds;
  report seconds;
  let all = Building.domain_memory xc in
  {
    by = Builder how;
    seconds;
    vms = List.map (fun build -> { build; memory = memory_of all build; up = None }) builds;
    samples = List.rev !samples;
    outstanding_pages = (Xenctrl.host_memory xc).outstanding_pages;
  }
