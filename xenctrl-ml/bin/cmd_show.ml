open Cmdliner
open Xenctrl_claims

let ( let* ) = Result.bind

let show json domid xc =
  let found = List.find_opt (fun (d : Xenctrl.domain_info) -> d.domid = domid) in
  let* domain =
    match found (Xenctrl.domain_list xc) with
    | None -> Refusal.error ~domid (`No_such_domain domid)
    | Some info when info.claimed_pages = 0L -> Ok { Reading.info; claims = [] }
    | Some info -> (
        match Claim_set.of_domain xc domid with
        | claims -> Ok { Reading.info; claims }
        | exception Unix.Unix_error (ESRCH, _, _) -> Refusal.error ~domid (`No_such_domain domid))
  in
  print_string (if json then Shape.to_string (Shape.domain domain) else Text.domain domain);
  Ok ()

let cmd =
  let doc = "show what a domain has and claims" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Shows what the domain has and may have, whether it runs, and what it still claims, as \
         $(b,xen-claims set) takes it.";
    ]
  in
  let domid = Arg.(required & Common.domid) in
  Common.command "show" ~doc ~man
    Term.(const (fun json domid -> Ok (show json domid)) $ Common.json $ domid)
