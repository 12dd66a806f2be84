open Cmdliner

let list json xc =
  let domains = Reading.claiming xc in
  print_string (if json then Shape.to_string (Shape.domains domains) else Text.domains domains);
  Ok ()

let cmd =
  let doc = "list the domains that claim memory" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "A line for each domain with claims that are not used up: what it has and may have, \
         whether it runs, and what it still claims, as $(b,xen-claims set) takes it. Claims are \
         exact, other amounts are rounded down to whole M.";
    ]
  in
  Common.command "list" ~doc ~man Term.(const (fun json -> Ok (list json)) $ Common.json)
