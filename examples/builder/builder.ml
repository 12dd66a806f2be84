open Xenctrl_claims
open Builder_lib
open Cmdliner

(* More than that help nobody, and OCaml has 128 domains at most. *)
let max_builders = 64

exception Bad_input of string

let bad_input = function Ok value -> value | Error message -> raise (Bad_input message)
let on_xen = "xen"

let open_embedded host =
  let prefix = "Xenctrl.Model.create: " in
  match Xenctrl.Model.create host with
  | xc -> xc
  | exception Invalid_argument message ->
      let skip = if String.starts_with ~prefix message then String.length prefix else 0 in
      raise (Bad_input ("--host: " ^ String.sub message skip (String.length message - skip)))

let open_host host =
  if host <> on_xen then open_embedded host
  else
    match Xenctrl.interface_open () with
    | xc -> xc
    | exception Unix.Unix_error (_, _, reason) -> raise (Bad_input ("--host xen: " ^ reason))

let build ~host ~builders path =
  let xc = open_host host in
  Fun.protect ~finally:(fun () -> Xenctrl.interface_close xc) @@ fun () ->
  let vms = bad_input (Vm_list.read path) in
  let node_ids = List.map (fun (node : Plan.node) -> node.id) (Build.nodes xc) in
  bad_input (Vm_list.check_nodes ~source:(Vm_list.source path) ~host node_ids vms);
  let start = Unix.gettimeofday () in
  let builds = Pool.map ~workers:builders (Build.vm xc) vms in
  let seconds = Unix.gettimeofday () -. start in
  let report : Report.t = { host; builders; nodes = Xenctrl.node_memory xc; builds; seconds } in
  (report, (Xenctrl.host_memory xc).outstanding_pages)

let complain message = prerr_endline ("builder: " ^ Words.one_line message)

let run host builders path =
  match build ~host ~builders path with
  | exception Bad_input message ->
      complain message;
      2
  | report, outstanding_pages -> (
      match
        print_string (Report.to_string report);
        flush stdout
      with
      | exception Sys_error reason ->
          complain ("standard output: " ^ reason);
          (* Else it is tried again at exit. *)
          close_out_noerr stdout;
          1
      | () ->
          let problems = Report.problems report ~exact:(host <> on_xen) ~outstanding_pages in
          List.iter complain problems;
          if problems = [] then 0 else 1)

(* The command line *)

let host =
  let doc =
    "The host to build on, in an embedded hypervisor: $(b,this) (the nodes of this machine), \
     $(b,uma), $(b,2-socket), $(b,epyc-nps4), or NODESxGiB such as 4x16. Or $(b,xen): the Xen that \
     this program runs on, where the VMs stay."
  in
  Arg.(value & opt string "this" & info [ "host" ] ~docv:"HOST" ~doc)

let builders =
  let parse text =
    match int_of_string_opt text with
    | Some n when 1 <= n && n <= max_builders -> Ok n
    | _ ->
        Error (`Msg (Printf.sprintf "'%s' is not a number of builders in 1..%d" text max_builders))
  in
  let doc = Printf.sprintf "How many VMs are built at once, 1..%d." max_builders in
  Arg.(
    value & opt (conv ~docv:"N" (parse, Format.pp_print_int)) 4 & info [ "builders" ] ~docv:"N" ~doc)

let path =
  let doc = "The list of VMs; $(b,-) is standard input." in
  Arg.(required & pos 0 (some string) None & info [] ~docv:"FILE" ~doc)

let man =
  [
    `S Manpage.s_description;
    `P
      "Builds the VMs of a list with several builders in parallel, as a toolstack does, and prints \
       where the memory of each VM is. Each builder looks at the nodes, claims memory on those it \
       chose, and populates the VM from exactly those. A VM that does not fit is refused before \
       any memory is touched.";
    `P
      (Printf.sprintf
         "When another builder was faster, a builder looks and chooses again, up to %d times for a \
          VM."
         Build.max_attempts);
    `S "THE LIST";
    `P
      "A JSON list of objects with $(i,name) (letters, digits, '-', '_' and '.'), $(i,mib) (its \
       memory in MiB) and, if you like, $(i,nodes) (a list of node ids):";
    `Pre {|[ { "name": "web-1", "mib": 2048 }, { "name": "db-1", "mib": 8192, "nodes": [0, 1] } ]|};
    `P
      "$(i,nodes) is a preference: a VM that does not fit there is built elsewhere, and the output \
       says so. A node that the host does not have is an error. Without preference, or elsewhere, \
       a VM goes to the node with most claimable memory, or over several if none has enough.";
  ]

let exits =
  [
    Cmd.Exit.info 0
      ~doc:"when every VM was built or refused for lack of memory; refusals are in the output.";
    Cmd.Exit.info 1 ~doc:"when a VM failed in another way, or the output could not be written.";
    Cmd.Exit.info 2 ~doc:"when the command line or the list is wrong; nothing was built.";
  ]

let cmd =
  let doc = "build a list of VMs in parallel, with their memory claimed" in
  Cmd.v (Cmd.info "builder" ~doc ~man ~exits) Term.(const run $ host $ builders $ path)

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
