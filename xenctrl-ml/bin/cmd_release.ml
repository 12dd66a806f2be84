open Cmdliner
open Xenctrl_claims

let release_one xc domid =
  match Claim_set.of_domain xc domid with
  | exception Unix.Unix_error (ESRCH, _, _) -> Refusal.error ~domid (No_such_domain domid)
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

let release_orphans ~idle xc =
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
  let release_next result info = Result.bind result (fun () -> release_orphan xc info) in
  List.fold_left release_next (Ok ()) orphans

let release domid orphans idle =
  match (domid, orphans) with
  | Some _, false when idle <> None -> Status.fail Usage "--idle is for --orphans"
  | Some domid, false -> Ok (fun xc -> release_one xc domid)
  | None, true -> Ok (release_orphans ~idle:(Option.value idle ~default:10.))
  | Some _, true | None, false -> Status.fail Usage "give a DOMID or --orphans, one of them"

let cmd =
  let doc = "give claims back" in
  let man =
    [
      `S Manpage.s_description;
      `P "Gives back all that a domain still claims. What it has, it keeps.";
      `P
        "With $(b,--orphans), does that for every domain that no builder is working on: it claims \
         memory, is paused, was never run, and neither its memory nor its claims change for \
         $(b,--idle) seconds. Xen does not know who builds a domain, so that the last of these is \
         the only sign of life: a builder that pauses for longer than that loses its claims, and \
         may run out of memory later, as it would without.";
      `P "The domains themselves stay; $(b,xl destroy) ends them, and releases their claims too.";
    ]
  in
  let domid = Arg.(value & Common.domid) in
  let orphans =
    let doc = "Release what was left over by builders that are gone." in
    Arg.(value & flag & info [ "orphans" ] ~doc)
  in
  let idle =
    let doc =
      "For how long nothing must happen to a domain before it is an orphan: 0 to 86400 seconds. \
       With 0, builds that are under way lose their claims, too."
    in
    Arg.(
      value
      & opt (some ~none:"10" (Common.seconds ~least:0.)) None
      & info [ "idle" ] ~docv:"SECONDS" ~doc)
  in
  Common.command "release" ~doc ~man Term.(const release $ domid $ orphans $ idle)
