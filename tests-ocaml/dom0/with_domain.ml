(* with_domain COMMAND...: runs COMMAND with one more argument, the domid of a new domain: paused,
   without memory, and allowed 1 GiB. The domain is destroyed then. Ends as COMMAND did. *)

open Xenctrl_claims_testing

let run program arguments =
  let pid =
    Unix.create_process program (Array.of_list arguments) Unix.stdin Unix.stdout Unix.stderr
  in
  match Unix.waitpid [] pid with
  | _, WEXITED status -> status
  | _, (WSIGNALED _ | WSTOPPED _) ->
      prerr_endline (program ^ " was killed");
      1

let () =
  match List.tl (Array.to_list Sys.argv) with
  | [] ->
      prerr_endline "usage: with_domain COMMAND...";
      exit 2
  | program :: _ as command ->
      let h = Building.interface_open () in
      let d = Building.domain_create h in
      let status =
        Fun.protect
          ~finally:(fun () -> Building.domain_destroy h d)
          (fun () ->
            Building.domain_setmaxmem h d 1_048_576L;
            run program (command @ [ string_of_int d ]))
      in
      exit status
