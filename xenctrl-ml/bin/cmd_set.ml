open Cmdliner
open Xenctrl_claims

let ( let* ) = Result.bind

let claim text =
  Claim_set.claim_of_string text
  |> Result.map_error (fun reason -> { Status.status = Usage; message = text ^ ": " ^ reason })

(* In the order given, or the first that is none. *)
let rec claims = function
  | [] -> Ok []
  | text :: rest ->
      let* first = claim text in
      let* rest = claims rest in
      Ok (first :: rest)

let install domid claims xc =
  match Claims.install xc domid (Array.of_list claims) with
  | Error error -> Refusal.error ~domid error
  | Ok () ->
      let now = Claim_set.to_string (Claim_set.of_domain xc domid) in
      Printf.printf "domain %d claims %s\n" domid now;
      Ok ()

let set domid texts =
  let* claims = claims texts in
  match Claim_set.fault claims with
  | Some fault -> Status.fail Usage "%s" fault
  | None -> Ok (install domid claims)

let cmd =
  let doc = "make these claims all that a domain claims" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "Replaces everything that the domain claims by the claims given: at once, or not at all. \
         What it claimed before counts as claimable for it, and what it has already is not counted \
         against the claims. Either all of it is promised then, or nothing changed and the message \
         says what was short.";
      `P
        "The domain has to be there, and can't have and claim more together than its maximum \
         memory, which $(b,xl mem-max) sets. Claims are for memory that it is still to be given: \
         $(b,xl) gives a domain all of it while it creates it, but one may be claimed for before \
         it grows by $(b,xl mem-set).";
      `S Manpage.s_examples;
      `Pre "xen-claims set 5 0=2G 1=1G host=512M";
      `P "What a plan says:";
      `Pre "xen-claims set 5 \\$(xen-claims plan 12G)";
    ]
  in
  let domid = Arg.(required & Common.domid) in
  let claims =
    let doc =
      "A claim: on the node with that id or, with $(b,host), host-wide. SIZE is a whole number and \
       a unit: $(b,p) (pages of 4096 bytes), $(b,K), $(b,M), $(b,G) or $(b,T)."
    in
    Arg.(non_empty & pos_right 0 string [] & info [] ~docv:"TARGET=SIZE" ~doc)
  in
  Common.command "set" ~doc ~man Term.(const set $ domid $ claims)
