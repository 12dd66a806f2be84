open Cmdliner

let nodes json xc =
  let reading = Reading.nodes xc in
  print_string
    (if json then Shape.to_string (Shape.nodes reading) else Text.nodes (Table.style ()) reading);
  Ok ()

let cmd =
  let doc = "show how much memory each node has, and how much of it is claimed" in
  let man =
    [
      `S Manpage.s_description;
      `P
        "A line for each node that is online: its size, what of that is free, what of that is \
         claimed by claims on this node, and what a new claim can have of it. The last line is for \
         the host: all claims, on nodes and host-wide. Host-wide claims are on no node, so that a \
         claim on a node may be refused because the host has less to claim than that node.";
      `P
        "Amounts are rounded down to whole M. On a terminal there is a bar for each node: # in \
         use, + free but claimed, . to be claimed.";
    ]
  in
  Common.command "nodes" ~doc ~man Term.(const (fun json -> Ok (nodes json)) $ Common.json)
