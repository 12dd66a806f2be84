open Xenctrl_claims
open Xenctrl_claims_testing
open Builder_lib
open Cmdliner

exception Bad_input of string

let bad_input = function Ok value -> value | Error message -> raise (Bad_input message)

let open_embedded host =
  let prefix = "Model.create: " in
  match Model.create host with
  | xc -> xc
  | exception Invalid_argument message ->
      let skip = if String.starts_with ~prefix message then String.length prefix else 0 in
      raise (Bad_input ("host: " ^ String.sub message skip (String.length message - skip)))

let open_xen () =
  match Building.interface_open () with
  | xc -> xc
  | exception Unix.Unix_error (_, _, reason) -> raise (Bad_input ("--xen: " ^ reason))

type target = Embedded of string | Xen

let with_host target f =
  let xc = match target with Xen -> open_xen () | Embedded host -> open_embedded host in
  Fun.protect ~finally:(fun () -> Xenctrl.interface_close xc) (fun () -> f xc)

let name_of = function Xen -> "Xen" | Embedded host -> host

let size xc =
  List.fold_left
    (fun sum (m : Xenctrl.node_memory) -> Int64.add sum m.size)
    0L (Xenctrl.node_memory xc)

(* What the host has for VMs. It must not depend on what is free now: who is started again, when a
   part of the VMs is there, has to find them of the size that it wants. *)
let for_vms xc target =
  let is_dom0 (info : Xenctrl.domain_info) = info.domid = 0 in
  match List.find_opt is_dom0 (Xenctrl.domain_list xc) with
  | Some dom0 when target = Xen ->
      (* Xen's own tables take less than 3 %. *)
      0.97 *. Int64.to_float (Int64.sub (size xc) dom0.total_pages)
  | _ -> Int64.to_float (size xc)

(* The scenario for that host, and how much smaller it is. *)
let fit xc target ~source (scenario : Scenario.t) =
  let ids = List.map (fun (m : Xenctrl.node_memory) -> m.node) (Xenctrl.node_memory xc) in
  if target = Embedded scenario.host then (
    bad_input (Scenario.check_nodes ~source ~host:scenario.host ids scenario);
    (scenario, 1.))
  else
    let size = with_host (Embedded scenario.host) size in
    let factor = for_vms xc target /. Int64.to_float size in
    (Scenario.fit scenario ~nodes:ids ~factor, factor)

(* Progress: a line that is written over, on a terminal that can. *)

let can_overwrite = Unix.isatty Unix.stderr && Sys.getenv_opt "TERM" <> Some "dumb"

let show_progress ~by ({ time; built; refused; failed; of_all } : Storm.progress) =
  if can_overwrite then
    let width = 30 in
    let done_ = built + refused + failed in
    let filled = width * done_ / of_all in
    Printf.eprintf "\r%-19s [%s%s] %d/%d, %d refused, %d failed, %4.1f s%s%!" (Report.kind by)
      (String.make filled '#')
      (String.make (width - filled) ' ')
      done_ of_all refused failed time
      (if done_ = of_all then "\n" else "")

let complain message = prerr_endline ("builder: " ^ Words.one_line message)

(* Prints to standard output, and is the exit status. *)
let print text ~problems =
  match
    print_string text;
    flush stdout
  with
  | exception Sys_error reason ->
      complain ("standard output: " ^ reason);
      (* Else it is tried again at exit. *)
      close_out_noerr stdout;
      1
  | () ->
      List.iter complain problems;
      if problems = [] then 0 else 1

let read target builders path =
  let scenario = bad_input (Scenario.read path) in
  let scenario =
    match builders with Some builders -> { scenario with builders } | None -> scenario
  in
  let target =
    match target with `Xen -> Xen | `Host host -> Embedded host | `Own -> Embedded scenario.host
  in
  (scenario, target)

let guarded f =
  try f () with
  | Bad_input message ->
      complain message;
      2
  (* Of xl and its daemons. *)
  | Failure message ->
      complain message;
      1

let report_of xc target seed scenario storms : Report.t =
  let nodes = List.length (Xenctrl.node_memory xc) in
  { scenario; host = name_of target; seed; nodes; pages = size xc; storms }

(* What was freed Xen scrubs when it is idle, and else when it is populated again. *)
let seconds_to_scrub = 10.
let kind_of target real_time : Clock.kind = if real_time || target = Xen then Real else Simulated

(* storm *)

let storm target builders hows seed real_time json verbose directory path =
  guarded @@ fun () ->
  let scenario, target = read target builders path in
  let source = Scenario.source path in
  let play how =
    with_host target @@ fun xc ->
    let scenario, scale = fit xc target ~source scenario in
    let kind = kind_of target real_time in
    let storm =
      Storm.play xc kind ~how ~seed ~scale
        ~progress:(show_progress ~by:(Storm.Builder how))
        scenario
    in
    (* On Xen the host is the same next time, and is left as it was. *)
    Storm.clear xc scenario;
    report_of xc target seed scenario [ storm ]
  in
  let without = play Without_claims in
  let play_next how =
    if target = Xen then Unix.sleepf seconds_to_scrub;
    (play how).storms
  in
  let with_claims = List.concat_map play_next hows in
  let report = { without with storms = without.storms @ with_claims } in
  let text =
    if json then Yojson.Safe.pretty_to_string (Report.to_json report) ^ "\n"
    else (if verbose then Report.vms report ^ "\n" else "") ^ Report.to_string report
  in
  let problems =
    let of_storm storm =
      List.map
        (Printf.sprintf "%s: %s" (Report.kind storm.Storm.by))
        (Summary.broken_promises storm)
    in
    List.concat_map of_storm with_claims
  in
  let written = Option.map (fun directory -> Page.write report ~directory) directory in
  let written_problems =
    match written with
    | Some (Error reason) -> [ "--report: " ^ reason ]
    | Some (Ok path) when not json ->
        (* After the table, as it is about that. *)
        at_exit (fun () -> try Printf.printf "\nReport: %s\n%!" path with Sys_error _ -> ());
        []
    | Some (Ok _) | None -> []
  in
  print text ~problems:(problems @ written_problems)

(* xl *)

let xl json relay path =
  guarded @@ fun () ->
  let scenario, target = read `Xen None path in
  if not (Sys.file_exists "/xl/bin/xl") then
    raise (Bad_input "there is no /xl/bin/xl: './dev xen boot' makes a Dom0 that has one");
  with_host target @@ fun xc ->
  Xl.start_daemons ();
  let scenario, _ = fit xc target ~source:(Scenario.source path) scenario in
  let scenario = { scenario with builders = Domain.recommended_domain_count () } in
  let play (tools, claims) =
    let progress = show_progress ~by:(Storm.Xl { claims }) in
    Xl_storm.play xc tools ~claims ~seed:1 ~progress scenario
  in
  let sets =
    match Xl.before with
    | Some before -> [ (before, false); (Xl.here, true) ]
    | None -> [ (Xl.here, false) ]
  in
  let alone = Xl_storm.seconds_alone xc (List.map fst sets) in
  let storms = List.map play sets in
  let report = report_of xc target 1 scenario storms in
  let text =
    if json then Yojson.Safe.pretty_to_string (Report.to_json report) ^ "\n"
    else
      let time (storm : Storm.t) seconds =
        Printf.sprintf "%.2f s (%s)" seconds (Report.kind storm.by)
      in
      Report.vms report ^ "\n" ^ Report.to_string report
      ^ Printf.sprintf "\nOne xl create that has the host to itself: %s\n"
          (String.concat ", " (List.map2 time storms alone))
  in
  let promised (storm : Storm.t) = storm.by = Storm.Xl { claims = true } in
  let problems = List.concat_map Summary.broken_promises (List.filter promised storms) in
  print (text ^ if relay then Relay.line report else "") ~problems

let page directory =
  guarded @@ fun () ->
  match Relay.pass_on stdin ~directory with
  | Some (Ok path) -> print (Printf.sprintf "\nReport: %s\n" path) ~problems:[]
  | Some (Error reason) -> print "" ~problems:[ "no report: " ^ reason ]
  | None -> print "" ~problems:[ "no report: nothing to make it of" ]

(* xl-storms *)

let xl_storms free_mib timed =
  guarded @@ fun () ->
  with_host Xen @@ fun xc ->
  Xl.start_daemons ();
  let play index line =
    let source = Printf.sprintf "storm %d" (index + 1) in
    let scenario = bad_input (Scenario.parse ~source line) in
    let scenario = { scenario with builders = Domain.recommended_domain_count () } in
    Xl_batch.play xc ~free_mib ~timed:(index < timed) scenario ~print:(fun json ->
        print_endline (Yojson.Safe.to_string json))
  in
  List.iteri play (In_channel.input_lines stdin);
  0

(* replay *)

let replay directory =
  guarded @@ fun () ->
  let report = bad_input (Replay.read (In_channel.input_all stdin)) in
  match Page.write report ~directory with
  | Ok path -> print (Report.to_string report ^ "\nReport: " ^ path ^ "\n") ~problems:[]
  | Error reason -> print (Report.to_string report) ~problems:[ "--report: " ^ reason ]

(* build *)

let build target builders how seed real_time json path =
  guarded @@ fun () ->
  let scenario, target = read target builders path in
  with_host target @@ fun xc ->
  let scenario, scale = fit xc target ~source:(Scenario.source path) scenario in
  (* Whoever is started again finds a part of the VMs there, and no room for those that left before. *)
  let stay (vm : Scenario.vm) = vm.at > 0. in
  let scenario = { scenario with running = List.filter stay scenario.running } in
  let kind = kind_of target real_time in
  let storm =
    Storm.play xc kind ~how ~seed ~scale ~progress:(show_progress ~by:(Storm.Builder how)) scenario
  in
  let report = report_of xc target seed scenario [ storm ] in
  let text =
    if json then Yojson.Safe.pretty_to_string (Report.to_json report) ^ "\n"
    else Report.to_string report ^ "\n" ^ Report.vms report
  in
  print text ~problems:(Summary.broken_promises storm)

(* The command line *)

let target =
  let host =
    let doc =
      "Another host than the scenario's, in an embedded hypervisor: $(b,this) (the nodes of this \
       machine), $(b,uma), $(b,2-socket), $(b,epyc-nps4), or NODESxGiB such as 4x16. The VMs are \
       scaled to fit."
    in
    Arg.(value & opt (some string) None & info [ "host" ] ~docv:"HOST" ~doc)
  in
  let xen =
    let doc =
      "Use the Xen that this program runs on. The VMs are scaled to what it has for them."
    in
    Arg.(value & flag & info [ "xen" ] ~doc)
  in
  let choose host xen =
    match (host, xen) with
    | Some _, true -> `Error (false, "--host and --xen exclude each other")
    | Some host, false -> `Ok (`Host host)
    | None, true -> `Ok `Xen
    | None, false -> `Ok `Own
  in
  Term.(ret (const choose $ host $ xen))

let builders =
  let parse text =
    match int_of_string_opt text with
    | Some n when 1 <= n && n <= Scenario.max_builders -> Ok n
    | _ ->
        let message =
          Printf.sprintf "'%s' is not a number of builders in 1..%d" text Scenario.max_builders
        in
        Error (`Msg message)
  in
  let doc =
    Printf.sprintf "How many VMs are built at once, 1..%d, instead of what the scenario says."
      Scenario.max_builders
  in
  Arg.(
    value
    & opt (some (conv ~docv:"N" (parse, Format.pp_print_int))) None
    & info [ "builders" ] ~docv:"N" ~doc)

let affinity_or_exact =
  [ ("affinity", Build.Claims_and_affinity); ("exact", Build.Claims_and_exact_nodes) ]

let hows =
  let doc =
    "Play the storm with claims for this builder only: $(b,affinity), which names no nodes when it \
     populates, as libxenguest does, or $(b,exact), which names those that it claimed. Without \
     claims, VMs are populated by affinity."
  in
  let both = List.map snd affinity_or_exact in
  let only = List.map (fun (name, how) -> (name, [ how ])) affinity_or_exact in
  Arg.(
    value & opt (enum only) both & info [ "builder" ] ~docv:"BUILDER" ~absent:"one storm each" ~doc)

let how =
  let doc = "How VMs are populated: $(docv) is $(b,exact) or $(b,affinity)." in
  Arg.(
    value
    & opt (enum affinity_or_exact) Build.Claims_and_exact_nodes
    & info [ "builder" ] ~docv:"BUILDER" ~doc)

let seed =
  let doc = "What varies from run to run varies with this number." in
  Arg.(value & opt int 1 & info [ "seed" ] ~docv:"N" ~doc)

let real_time =
  let doc =
    "Let builders run freely on the machine's clock. On an embedded hypervisor time is simulated \
     otherwise, so that the same seed gives the same result on any machine."
  in
  Arg.(value & flag & info [ "real-time" ] ~doc)

let json = Arg.(value & flag & info [ "json" ] ~doc:"Print JSON instead of a table.")

let verbose =
  Arg.(value & flag & info [ "v"; "verbose" ] ~doc:"Print as well where the memory of each VM is.")

let directory =
  let doc = "Write $(b,report.html) with pictures there; gnuplot draws them." in
  Arg.(value & opt (some string) None & info [ "report" ] ~docv:"DIR" ~doc)

let path =
  let doc = "The scenario; $(b,-) is standard input." in
  Arg.(required & pos 0 (some string) None & info [] ~docv:"SCENARIO" ~doc)

let format =
  [
    `S "SCENARIOS";
    `P
      "A JSON object; $(i,builders), $(i,about), $(i,running) and all from $(i,nodes) on may be \
       left out:";
    `Pre
      {|{ "about": "Two VMs that want one node, while a third one leaves it.",
  "host": "2x4", "builders": 2,
  "running": [ { "name": "old-1", "mib": 2048, "nodes": [0], "leaves": 0.4 } ],
  "vms": [ { "name": "web-1", "mib": 2048, "nodes": [0] },
           { "name": "db-1", "mib": 3072, "nodes": [0], "arrives": 0.5 } ] }|};
    `P
      "$(i,nodes) is where a VM had best be; it is built elsewhere if it does not fit. Without, it \
       is built on as few nodes as can be. Times are seconds after the start. What a VM had that \
       leaves at 0 is free when the storm begins, but still to be scrubbed, as after a restart of \
       VMs.";
  ]

let exits ok =
  [
    Cmd.Exit.info 0 ~doc:ok;
    Cmd.Exit.info 1
      ~doc:
        "when, with claims, a VM has memory that it did not claim, or failed after its first page, \
         or was refused after that, or a claim is left; or when output could not be written.";
    Cmd.Exit.info 2 ~doc:"when the command line or the scenario is wrong; nothing was built.";
  ]

let storm_cmd =
  let doc = "build the VMs of a scenario without claims and with claims, and compare" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Plays a scenario without claims, with claims and builders that populate in the same way, \
         and with claims and builders that name the node of each page; on equal hosts, with equal \
         seeds. Builders work in parallel: each takes the next VM, looks at the host, decides on \
         nodes, and populates extent by extent. Without claims, another builder may take the \
         memory meanwhile: then Xen gives what it finds on other nodes, or the build runs dry and \
         was for nothing. With claims, the decision is a claim set: it holds, or the VM is refused \
         before any memory is touched.";
    ]
    @ format
  in
  let info = Cmd.info "storm" ~doc ~man ~exits:(exits "when claims kept what they promise.") in
  Cmd.v info
    Term.(
      const storm $ target $ builders $ hows $ seed $ real_time $ json $ verbose $ directory $ path)

let build_cmd =
  let doc = "build the VMs of a scenario with claims, and go on where an earlier run was killed" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Builds the VMs with claims and leaves them there. It keeps no state but Xen's own: killed \
         at any point and started again, it finds its domains by their uuid, what they have, and \
         what they still claim, which is what is still to be populated. VMs that leave at 0 it \
         takes for gone.";
    ]
    @ format
  in
  let info =
    Cmd.info "build" ~doc ~man
      ~exits:(exits "when every VM was built, or refused for lack of memory.")
  in
  Cmd.v info Term.(const build $ target $ builders $ how $ seed $ real_time $ json $ path)

let xl_cmd =
  let doc = "start the VMs of a scenario with xl, without claims and with claims, and compare" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "In a Dom0 of ./dev xen boot --xl-before: starts the VMs as PV and PVH guests by as many \
         $(b,xl create) as there are processors, with the tools from before the Xen series changed \
         them, and then with those of the series; waits until each guest is up; and says where the \
         memory of each is. Without the older tools it plays the storm once.";
    ]
    @ format
  in
  let relay =
    let doc = "Print, at last, a line of which $(b,builder page) makes a report." in
    Arg.(value & flag & info [ "relay" ] ~doc)
  in
  let info = Cmd.info "xl" ~doc ~man ~exits:(exits "when claims kept what they promise.") in
  Cmd.v info Term.(const xl $ json $ relay $ path)

let xl_storms_cmd =
  let doc = "start the VMs of many scenarios with xl, and print where they are, as JSON" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "In a Dom0 of ./dev xen boot --xl-before, for ./dev bench --placement --xl: reads a \
         scenario from each line of standard input, and plays it twice, as $(b,builder xl) does, \
         with guests that stay paused. Prints a line of JSON each time.";
    ]
  in
  let free =
    let doc = "What each node has free before a storm begins, in MiB; the rest is taken away." in
    Arg.(required & opt (some (list int)) None & info [ "free" ] ~docv:"MIB,..." ~doc)
  in
  let timed =
    let doc = "Of the first $(docv), say too when each $(b,xl create) came to what." in
    Arg.(value & opt int 0 & info [ "timed" ] ~docv:"N" ~doc)
  in
  let info = Cmd.info "xl-storms" ~doc ~man ~exits:(exits "when all were played.") in
  Cmd.v info Term.(const xl_storms $ free $ timed)

let required_directory =
  let doc = "Write $(b,report.html) with pictures there; gnuplot draws them." in
  Arg.(required & opt (some string) None & info [ "report" ] ~docv:"DIR" ~doc)

let page_cmd =
  let doc = "pass on what $(b,builder xl --relay) prints, and make its report" in
  Cmd.v (Cmd.info "page" ~doc) Term.(const page $ required_directory)

let replay_cmd =
  let doc = "make the report of a storm that $(b,./dev bench --placement) played" in
  Cmd.v (Cmd.info "replay" ~doc) Term.(const replay $ required_directory)

let cmd =
  let doc = "a small VM builder that claims memory" in
  Cmd.group (Cmd.info "builder" ~doc)
    [ storm_cmd; build_cmd; xl_cmd; xl_storms_cmd; page_cmd; replay_cmd ]

(* Cmdliner follows its message with three lines of usage. One line is enough. *)
let usage_error text =
  let lines = String.split_on_char '\n' text in
  let rec message = function
    | line :: lines when not (String.starts_with ~prefix:"Usage:" line) -> line :: message lines
    | _ -> []
  in
  prerr_endline (Words.one_line (String.concat "" (message lines)) ^ " (--help explains)");
  2

let () =
  let text = Buffer.create 256 in
  let err = Format.formatter_of_buffer text in
  Format.pp_set_margin err 100_000;
  let result = Cmd.eval_value ~err cmd in
  Format.pp_print_flush err ();
  exit
    (match result with
    | Ok (`Ok code) -> code
    | Ok (`Help | `Version) -> 0
    | Error (`Parse | `Term) -> usage_error (Buffer.contents text)
    | Error `Exn ->
        prerr_string (Buffer.contents text);
        1)
