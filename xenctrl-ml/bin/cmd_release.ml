open Cmdliner
open Xenctrl_claims

let ( let* ) = Result.bind

let release_one xc domid =
  match Claim_set.of_domain xc domid with
  | exception Unix.Unix_error (ESRCH, _, _) -> Refusal.error ~domid (`No_such_domain domid)
  | [] ->
      Printf.printf "domain %d claims nothing\n" domid;
      Ok ()
  | claims -> (
      match Claims.release xc domid with
      | Error error -> Refusal.error ~domid error
      | Ok () ->
          Printf.printf "domain %d: released %s\n" domid (Claim_set.to_string claims);
          Ok ())

(* What is released may be destroyed meanwhile. *)
let release_orphan xc (info : Xenctrl.domain_info) =
  match release_one xc info.domid with
  | Error _ when not (List.mem info (Xenctrl.domain_list xc)) -> Ok ()
  | result -> result

let memory (info : Xenctrl.domain_info) =
  Printf.sprintf "has %s of at most %s" (Size.to_string info.total_pages)
    (Size.to_string info.max_pages)

(* Is it an orphan? Xen does not know; an answer that does not come is a no. *)
let agreed xc (info : Xenctrl.domain_info) =
  let claims = Claim_set.to_string (Claim_set.of_domain xc info.domid) in
  Printf.printf "domain %d: %s, claims %s. Release that? [y/N] %!" info.domid (memory info) claims;
  let answer = try String.lowercase_ascii (String.trim (read_line ())) with End_of_file -> "" in
  if not (Unix.isatty Unix.stdin) then print_newline ();
  match answer with
  | "y" | "yes" -> true
  | _ ->
      Printf.printf "domain %d: left alone\n" info.domid;
      false

let warning =
  "Nothing happens to these domains. So it is with one that was left over, and with one that is \
   being\n\
   restored or migrated in, and waits for what is to come. Which it is, the toolstack knows."

let release_orphans ~idle ~yes xc =
  let before = Orphans.candidates (Xenctrl.domain_list xc) in
  if before <> [] && idle > 0. then Unix.sleepf idle;
  let now = Xenctrl.domain_list xc in
  let orphans = Orphans.unchanged ~before ~now in
  let at_work (info : Xenctrl.domain_info) =
    if not (List.mem info orphans) then
      Printf.printf "domain %d: left alone, somebody builds it\n" info.domid
  in
  let candidates = Orphans.candidates now in
  List.iter at_work candidates;
  if candidates = [] then print_endline "No claims are left over.";
  if orphans <> [] && not yes then print_endline warning;
  let release_next result (info : Xenctrl.domain_info) =
    let* () = result in
    match yes || agreed xc info with
    | exception Unix.Unix_error (ESRCH, _, _) -> Ok ()
    | false -> Ok ()
    | true when List.mem info (Xenctrl.domain_list xc) -> release_orphan xc info
    | true ->
        Printf.printf "domain %d: left alone, somebody builds it\n" info.domid;
        Ok ()
  in
  List.fold_left release_next (Ok ()) orphans

let release domid orphans idle yes =
  match (domid, orphans) with
  | Some _, false when idle <> None -> Status.fail Usage "--idle is for --orphans"
  | Some _, false when yes -> Status.fail Usage "--yes is for --orphans"
  | Some domid, false -> Ok (fun xc -> release_one xc domid)
  | None, true -> Ok (release_orphans ~idle:(Option.value idle ~default:10.) ~yes)
  | Some _, true | None, false -> Status.fail Usage "give a DOMID or --orphans, one of them"

let cmd =
  let doc = "give claims back" in
  let man =
    [
      `S Manpage.s_description;
      `P "Gives back all that a domain still claims. What it has, it keeps.";
      `P
        "With $(b,--orphans), looks for domains that claim memory, are paused, were never run, and \
         whose memory and claims do not change for $(b,--idle) seconds, and asks for each whether \
         to do that. What was left over by a builder that is gone looks so; a domain that is being \
         restored or migrated in does, too, as long as it waits for the other host or a disk. Xen \
         does not know who builds a domain. The toolstack does: see what it is doing, and which of \
         its processes are there ($(b,xl), $(b,libxl-save-helper), $(b,xenguest), \
         $(b,emu-manager)). A build whose claims are released may run out of memory later, as it \
         would without claims.";
      `P "The domains themselves stay; $(b,xl destroy) ends them, and releases their claims too.";
    ]
  in
  let domid = Arg.(value & Common.domid) in
  let orphans =
    let doc = "Release what was left over by builders that are gone; asks for each domain." in
    Arg.(value & flag & info [ "orphans" ] ~doc)
  in
  let idle =
    let doc =
      "For how long nothing must happen to a domain before it may be an orphan: 0 to 86400 \
       seconds. With 0, builds that are at work are asked about, too."
    in
    Arg.(
      value
      & opt (some ~none:"10" (Common.seconds ~least:0.)) None
      & info [ "idle" ] ~docv:"SECONDS" ~doc)
  in
  let yes =
    let doc =
      "Do not ask: nothing is being restored or migrated in, as after the toolstack was restarted \
       and has ended what it had begun."
    in
    Arg.(value & flag & info [ "yes"; "y" ] ~doc)
  in
  Common.command "release" ~doc ~man Term.(const release $ domid $ orphans $ idle $ yes)
