open Cmdliner
open Xen_claims_command

let cmds =
  [
    Cmd_nodes.cmd;
    Cmd_list.cmd;
    Cmd_show.cmd;
    Cmd_set.cmd;
    Cmd_plan.cmd;
    Cmd_release.cmd;
    Cmd_watch.cmd;
  ]

let cmd =
  let doc = "see, make and release claims on memory" in
  let man_xrefs = List.map (fun cmd -> `Cmd (Cmd.name cmd)) cmds @ [ `Page ("xl", 1) ] in
  Cmd.group
    (Cmd.info "xen-claims" ~version:Version.version ~doc ~man:Manual.blocks ~man_xrefs
       ~envs:Manual.environment ~exits:Status.exits)
    cmds

(* Cmdliner follows its message with lines of usage, and breaks it. One line is enough. *)
let usage_error text =
  let lines = String.split_on_char '\n' text in
  let rec message = function
    | line :: lines when not (String.starts_with ~prefix:"Usage:" line) -> line :: message lines
    | _ -> []
  in
  let prefix = "xen-claims: " in
  let text = String.concat "" (message lines) in
  let skip = if String.starts_with ~prefix text then String.length prefix else 0 in
  let text = String.sub text skip (String.length text - skip) in
  let hint =
    if String.starts_with ~prefix:"required COMMAND name" text then " Options come after it."
    else ""
  in
  Common.complain (text ^ hint ^ " (--help explains)");
  Status.Usage

let () =
  let text = Buffer.create 256 in
  let err = Format.formatter_of_buffer text in
  Format.pp_set_margin err 100_000;
  let eval () =
    let result = Cmd.eval_value ~err cmd in
    Format.print_flush ();
    flush stdout;
    result
  in
  match eval () with
  | exception Sys_error reason ->
      (* Help can't be written. *)
      close_out_noerr stdout;
      Common.complain ("standard output: " ^ reason);
      exit (Status.code Refused)
  | Ok (`Ok status) -> exit (Status.code status)
  | Ok (`Help | `Version) -> exit (Status.code Done)
  | Error (`Parse | `Term) ->
      Format.pp_print_flush err ();
      exit (Status.code (usage_error (Buffer.contents text)))
  | Error `Exn ->
      Format.pp_print_flush err ();
      prerr_string (Buffer.contents text);
      exit Cmd.Exit.internal_error
