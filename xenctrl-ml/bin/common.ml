open Cmdliner

let complain message =
  let one_line = String.map (fun c -> if c < ' ' || c = '\127' then ' ' else c) in
  (* Where nobody can read it, the exit code still says what kind it is. *)
  try prerr_endline ("xen-claims: " ^ one_line message) with Sys_error _ -> close_out_noerr stderr

(* The hypervisor *)

let s_hypervisor = "HYPERVISOR OPTIONS"

let connection =
  let host =
    let doc =
      "Work on a hypervisor inside of this program, whose host is $(docv): $(b,this) (the nodes of \
       this machine), $(b,uma), $(b,2-socket), $(b,epyc-nps4), or NODESxGiB such as 4x16. For \
       trying the command and for tests. The default is the Xen that this program runs on."
    in
    Arg.(value & opt (some string) None & info [ "host" ] ~docv:"HOST" ~doc ~docs:s_hypervisor)
  in
  let state =
    let doc = "What is on the $(b,--host) in the beginning, see xen-claims(1)." in
    Arg.(value & opt (some string) None & info [ "state" ] ~docv:"FILE" ~doc ~docs:s_hypervisor)
  in
  let choose host state =
    match (host, state) with
    | None, None -> Ok Connection.Xen
    | Some host, state -> Ok (Model { host; state })
    | None, Some _ -> Status.fail Usage "--state takes a --host to be the state of"
  in
  Term.(const choose $ host $ state)

(* Ending *)

let finish result =
  let result =
    match flush stdout with
    | () -> result
    | exception Sys_error reason ->
        (* Else it is tried again at exit. *)
        close_out_noerr stdout;
        Status.fail Refused "standard output: %s" reason
  in
  match result with
  | Ok () -> Status.Done
  | Error { Status.status; message } ->
      complain message;
      status

let command name ~doc ~man term =
  let run connection task =
    finish (Result.bind task (fun f -> Result.bind connection (fun c -> Connection.run c f)))
  in
  let man =
    man @ [ `S Manpage.s_arguments; `S Manpage.s_options; `S s_hypervisor; `S Manpage.s_see_also ]
  in
  Cmd.v (Cmd.info name ~doc ~man ~exits:Status.exits) Term.(const run $ connection $ term)

(* Arguments *)

(* Xen's DOMID_FIRST_RESERVED - 1. *)
let max_domid = 0x7FEF

let domid =
  let parse text =
    match int_of_string_opt ("0u" ^ text) with
    | Some domid when domid <= max_domid -> Ok domid
    | _ ->
        Error
          (`Msg
             (Printf.sprintf "'%s' is no domain id in 0..%d: 'xl list' has ids and names" text
                max_domid))
  in
  let domid = Arg.conv ~docv:"DOMID" (parse, Format.pp_print_int) in
  let doc = "The id of a domain; $(b,xl list) has ids and names." in
  Arg.(pos 0 (some domid) None & info [] ~docv:"DOMID" ~doc)

let json =
  let doc = "Print JSON, in the shape that xen-claims(1) describes." in
  Arg.(value & flag & info [ "json" ] ~doc)

let seconds ~least =
  let parse text =
    match float_of_string_opt text with
    | Some seconds when least <= seconds && seconds <= 86_400. -> Ok seconds
    | _ -> Error (`Msg (Printf.sprintf "'%s' is no number of seconds in %g..86400" text least))
  in
  Arg.conv ~docv:"SECONDS" (parse, fun ppf -> Format.fprintf ppf "%g")
