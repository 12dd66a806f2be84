open Cmdliner

(* A terminal is written over, line by line, so that it does not flicker; and cleared of what was
   longer before. *)
let home = "\027[H"
let clear = "\027[2J"
let rest_of_line = "\027[K"
let rest_of_screen = "\027[J"

let screen text =
  let lines = String.split_on_char '\n' text in
  home ^ String.concat (rest_of_line ^ "\n") lines ^ rest_of_screen

let now () =
  let { Unix.tm_hour; tm_min; tm_sec; _ } = Unix.localtime (Unix.time ()) in
  Printf.sprintf "%02d:%02d:%02d" tm_hour tm_min tm_sec

let picture json style xc =
  let nodes = Reading.nodes xc in
  let domains = Reading.claiming xc in
  if json then Shape.to_line (Shape.nodes nodes @ Shape.domains domains)
  else
    let text =
      Printf.sprintf "%s\n\n%s\n%s" (now ()) (Text.nodes style nodes) (Text.domains domains)
    in
    match style with Table.Plain -> text ^ "\n" | Terminal _ -> screen text

let watch json interval xc =
  let style = Table.style () in
  let rec refresh () =
    print_string (picture json style xc);
    flush stdout;
    Unix.sleepf interval;
    refresh ()
  in
  Sys.catch_break true;
  try
    if (not json) && style <> Plain then print_string clear;
    refresh ()
  with
  | Sys.Break -> Ok ()
  | Sys_error reason ->
      close_out_noerr stdout;
      Status.fail Refused "standard output: %s" reason

let cmd =
  let doc = "show nodes and claims again and again" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Shows what $(b,xen-claims nodes) and $(b,xen-claims list) show, and does so again until \
         ^C ends it. If standard output is no terminal, or with $(b,--json), each reading follows \
         the one before.";
    ]
  in
  let interval =
    let doc = "How long to wait between two readings: 0.1 to 86400 seconds." in
    Arg.(value & opt (Common.seconds ~least:0.1) 1. & info [ "interval" ] ~docv:"SECONDS" ~doc)
  in
  Common.command "watch" ~doc ~man
    Term.(const (fun json interval -> Ok (watch json interval)) $ Common.json $ interval)
