open Xenctrl_claims
open Xenctrl_claims_testing

let seconds_per_sample = 0.5
let most_seconds_to_boot = 300.

(* QEMU takes an RDTSCP that Xen intercepts for RDTSC, and a PVH guest hangs: so none is. *)
let pvh = [ {|type = "pvh"|}; {|tsc_mode = "native"|} ]

(* PV and PVH in turn; those that never run are PV, which have their memory and no more. *)
let guest ~paused i (vm : Scenario.vm) =
  let lines = if paused || i mod 2 = 0 then [] else pvh in
  { Xl.name = vm.name; mib = Int64.to_int (Int64.div vm.pages 256L); lines }

let seconds_alone xc sets =
  let guest = { Xl.name = "alone"; mib = 512; lines = [] } in
  let once tools =
    let ended = Xl.run tools (Xl.create guest @ [ "-p" ]) in
    if ended.status <> 0 then failwith ("xl create: " ^ Xl.first_error ended);
    Xl.destroy xc tools guest;
    ended.seconds
  in
  let median times = List.nth (List.sort Float.compare times) (List.length times / 2) in
  let rounds = List.init 7 (fun _ -> List.map once sets) in
  List.mapi (fun i _ -> median (List.map (fun round -> List.nth round i) rounds)) sets

(* As many at once as were made at once, as that takes as long. *)
let destroy_all xc tools guests =
  let next = Atomic.make 0 in
  let rec destroyer () =
    let i = Atomic.fetch_and_add next 1 in
    if i < Array.length guests then (
      Xl.destroy xc tools guests.(i);
      destroyer ())
  in
  let several = List.init (Domain.recommended_domain_count ()) (fun _ -> Domain.spawn destroyer) in
  List.iter Domain.join several

(* Where libxl placed a VM is all right for any of its pages: a PVH guest has some besides its memory. *)
let planned placement (vm : Scenario.vm) memory =
  let pages = List.fold_left (fun n (_, pages) -> Int64.add n pages) 0L memory in
  let claim target = { Xenctrl.pages; target } in
  match List.assoc_opt vm.name placement with
  | Some (Some nodes) -> Array.of_list (List.map (fun node -> claim (Int32.of_int node)) nodes)
  | Some None | None -> [| claim (-1l) |]

type heard = Scenario.vm -> time:float -> string -> unit

let play xc tools ~claims ?(paused = false) ?heard ~seed ~(progress : Storm.progress -> unit)
    (scenario : Scenario.t) : Storm.t =
  let vms = Array.of_list scenario.vms in
  let guests = Array.mapi (guest ~paused) vms in
  let count = Array.length vms in
  let ends = Array.make count None in
  (* By several OCaml domains, each VM's by one. *)
  let most_pages = Array.make count 0L in
  let ups = Array.make count None in
  ignore (Storm.run_already xc ~seed scenario : Scenario.vm list);
  let next = Atomic.make 0 in
  let rec starter actor =
    let i = Atomic.fetch_and_add next 1 in
    if i < count then (
      let started = Clock.now actor in
      let create = Xl.create guests.(i) @ if paused then [ "-p" ] else [] in
      let ended =
        match (heard : heard option) with
        | None -> Xl.run tools create
        | Some heard ->
            let heard = heard vms.(i) in
            Xl.run_heard tools ("-vvv" :: create) ~heard:(fun line ->
                heard ~time:(Clock.now actor) line)
      in
      ends.(i) <- Some (started, ended, Clock.now actor);
      starter actor)
  in
  let samples = ref [] in
  let sample time = samples := { Storm.time; nodes = Xenctrl.node_memory xc } :: !samples in
  let look time =
    let of_domain (info : Xenctrl.domain_info) =
      Array.iteri
        (fun i guest ->
          if Xl.uuid guest = info.uuid then
            most_pages.(i) <- Int64.max most_pages.(i) info.total_pages)
        guests
    in
    List.iter of_domain (Xenctrl.domain_list xc);
    let see i guest = if ups.(i) = None && Xl.said_up guest then ups.(i) <- Some time in
    Array.iteri see guests;
    let outcomes f =
      let is_so i = match ends.(i) with Some (_, ended, _) -> f i ended | None -> false in
      List.length (List.filter is_so (List.init count Fun.id))
    in
    let failed (ended : Xl.ended) = ended.status <> 0 in
    progress
      {
        Storm.time;
        built = outcomes (fun _ ended -> not (failed ended));
        refused = outcomes (fun i ended -> failed ended && most_pages.(i) = 0L);
        failed = outcomes (fun i ended -> failed ended && most_pages.(i) > 0L);
        of_all = count;
      }
  in
  let rec sampler actor =
    sample (Clock.now actor);
    look (Clock.now actor);
    Clock.spend actor seconds_per_sample;
    sampler actor
  in
  (* Ends when nobody is awaited any more; the sampler sees who is up. *)
  let rec wait_for_guests actor =
    let awaited i =
      match ends.(i) with
      | None -> true
      | Some (_, (ended : Xl.ended), now) ->
          (not paused) && ended.status = 0
          && ups.(i) = None
          && Clock.now actor < now +. most_seconds_to_boot
    in
    if List.exists awaited (List.init count Fun.id) then (
      Clock.spend actor seconds_per_sample;
      wait_for_guests actor)
  in
  let starters = List.init (min scenario.builders count) (fun _ -> starter) in
  Clock.run Real (wait_for_guests :: starters) ~background:[ sampler ];
  let placement = Xl.placement tools in
  let all = Building.domain_memory xc in
  let vm i (vm : Scenario.vm) : Storm.vm =
    let started, (ended : Xl.ended), at = Option.get ends.(i) in
    let outcome =
      match Xl.domain xc guests.(i) with
      | Some { domid; _ } when ended.status = 0 -> Build.Built domid
      | _ ->
          let reason = Xl.first_error ended and populated = most_pages.(i) in
          if populated = 0L then Refused { reason; touched = 0L } else Failed { reason; populated }
    in
    let build = { Build.vm; outcome; planned = [||]; retries = 0; started; ended = at } in
    let memory = Storm.memory_of all build in
    let planned = match outcome with Built _ -> planned placement vm memory | _ -> [||] in
    { build = { build with planned }; memory; up = ups.(i) }
  in
  let vms = List.mapi vm scenario.vms in
  let outstanding_pages = (Xenctrl.host_memory xc).outstanding_pages in
  let seconds = List.fold_left (fun t (vm : Storm.vm) -> Float.max t vm.build.ended) 0. vms in
  destroy_all xc tools guests;
  { by = Xl { claims }; seconds; vms; samples = List.rev !samples; outstanding_pages }
