open Cmdliner

type t = Done | Refused | Usage | Unavailable

let code = function Done -> 0 | Refused -> 1 | Usage -> 2 | Unavailable -> 3

let meaning = function
  | Done -> "what was asked for is done."
  | Refused ->
      "the hypervisor refused it, or there is too little memory for it: what was refused changed \
       nothing. The message has the name of the error and what was short. Also if the output could \
       not be written."
  | Usage -> "the command line is wrong; nothing was asked of the hypervisor."
  | Unavailable ->
      "there is no Xen that this program may talk to, or it has no claim sets; the message says \
       which, and what to do."

let exits =
  List.map
    (fun status -> Cmd.Exit.info (code status) ~doc:("if " ^ meaning status))
    [ Done; Refused; Usage; Unavailable ]

type failure = { status : t; message : string }

let fail status fmt = Printf.ksprintf (fun message -> Error { status; message }) fmt
