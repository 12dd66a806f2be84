open Xenctrl_claims

(* gnuplot draws in black, which here means the colour of the text around it. *)
let with_colour_of_text svg =
  let replace (from, into) text =
    let n = String.length from in
    let out = Buffer.create (String.length text) in
    let rec go i =
      if i > String.length text - n then Buffer.add_substring out text i (String.length text - i)
      else if String.sub text i n = from then (
        Buffer.add_string out into;
        go (i + n))
      else (
        Buffer.add_char out text.[i];
        go (i + 1))
    in
    go 0;
    Buffer.contents out
  in
  let from_tag text =
    match Str.search_forward (Str.regexp_string "<svg") text 0 with
    | i -> String.sub text i (String.length text - i)
    | exception Not_found -> text
  in
  from_tag svg
  |> replace ("rgb(  1,   2,   3)", "currentColor")
  |> replace ("rgb(1,2,3)", "currentColor")
  |> replace ("\"black\"", "\"currentColor\"")
  |> replace ("'black'", "'currentColor'")

(* What gnuplot draws of a script. *)
let no_gnuplot = "there is no gnuplot, which draws the pictures (Debian package: gnuplot-nox)"

let draw script =
  match Unix.open_process_args_full "gnuplot" [| "gnuplot"; "-" |] (Unix.environment ()) with
  | exception Unix.Unix_error (ENOENT, _, _) -> Error no_gnuplot
  | (out, to_gnuplot, err) as gnuplot -> (
      (* Scripts are longer than a pipe holds, and so is what is drawn. *)
      let write () =
        try
          output_string to_gnuplot script;
          close_out to_gnuplot
        with Sys_error _ -> ()
      in
      let errors = ref "" in
      let writer = Thread.create write () in
      let reader = Thread.create (fun () -> errors := In_channel.input_all err) () in
      let svg = In_channel.input_all out in
      List.iter Thread.join [ writer; reader ];
      match Unix.close_process_full gnuplot with
      | WEXITED 0 -> Ok (with_colour_of_text svg)
      | WEXITED 127 -> Error no_gnuplot
      | _ -> Error ("gnuplot: " ^ Words.one_line (String.trim !errors)))

(* Colours that can be told apart on white and on black, also by the colour-blind (Okabe and Ito). *)
let used = "#0072b2"
let claimed = "#e69f00"
let wasted = "#d55e00"

let of_node =
  [| "#0072b2"; "#e69f00"; "#009e73"; "#cc79a7"; "#56b4e9"; "#f0e442"; "#8c6bb1"; "#999933" |]

let ink = "#010203"

let prelude ~name ~width ~height =
  Printf.sprintf
    "set terminal svg size %d,%d dynamic enhanced font 'sans-serif,12' name '%s'\n\
     set border 3 lc rgb '%s' lw 0.5\n\
     set tics nomirror textcolor rgb '%s'\n\
     set title textcolor rgb '%s'\n\
     set key textcolor rgb '%s'\n\
     set xlabel textcolor rgb '%s'\n\
     set ylabel textcolor rgb '%s'\n"
    width height name ink ink ink ink ink ink

let in_gib pages = Int64.to_float pages /. 262_144.

(* GiB, or MiB where that would be fractions. *)
let unit_of most = if in_gib most >= 4. then ("GiB", 262_144.) else ("MiB", 256.)

let memory_over_time ~name ~seconds (storm : Storm.t) =
  let nodes = (List.hd storm.samples).nodes in
  let count = List.length nodes in
  let largest = List.fold_left (fun n (m : Xenctrl.node_memory) -> Int64.max n m.size) 1L nodes in
  let unit, per_unit = unit_of largest in
  let amount pages = Int64.to_float pages /. per_unit in
  let columns = if count = 1 then 1 else if count <= 4 then 2 else 4 in
  let lines = (count + columns - 1) / columns in
  let script = Buffer.create 65536 in
  let add format = Printf.bprintf script format in
  let width = 720 and height = 60 + (lines * 130) in
  Buffer.add_string script (prelude ~name ~width ~height);
  List.iteri
    (fun i (node : Xenctrl.node_memory) ->
      add "$node%d << END\n" i;
      List.iter
        (fun ({ time; nodes } : Storm.sample) ->
          let is_it (m : Xenctrl.node_memory) = m.node = node.node in
          let m = List.find is_it nodes in
          let in_use = Int64.sub m.size m.free in
          add "%.3f %.4f %.4f %.4f\n" time (amount in_use)
            (amount (Int64.add in_use m.claimed))
            (amount m.size))
        storm.samples;
      add "END\n")
    nodes;
  add "set multiplot layout %d,%d margins 0.08,0.99,%f,%f spacing 0.04,%f\n" lines columns
    (46. /. float_of_int height)
    (1. -. (34. /. float_of_int height))
    (34. /. float_of_int height);
  add "unset key\nset xrange [0:%.3f]\nset yrange [0:%.4f]\nset ytics autofreq\n" seconds
    (amount largest *. 1.02);
  List.iteri
    (fun i (node : Xenctrl.node_memory) ->
      add "set title 'node %d' offset 0,-0.7\n" node.node;
      add "set ylabel '%s'\n" (if i mod columns = 0 then unit else "");
      add "set xlabel '%s' offset 0,0.5\n" (if i + columns >= count then "seconds" else "");
      add "set format x '%s'\nset format y '%s'\n"
        (if i + columns >= count then "%g" else "")
        (if i mod columns = 0 then "%g" else "");
      add
        "plot $node%d using 1:3 title 'claimed' with filledcurves y1=0 fs solid 1 noborder lc rgb \
         '%s', '' using 1:2 title 'in use' with filledcurves y1=0 fs solid 1 noborder lc rgb '%s', \
         '' using 1:4 title 'size' with lines lw 1 lc rgb '%s'\n"
        i claimed used ink)
    nodes;
  add "unset multiplot\n";
  Buffer.contents script

(* A bar for each VM: its memory, by node; hatched, what was populated for nothing; a frame for what
   was wanted and not had. *)
let placement ~name nodes (storm : Storm.t) =
  let script = Buffer.create 65536 in
  let add format = Printf.bprintf script format in
  let wanted (vm : Storm.vm) = vm.build.vm.pages in
  let largest = List.fold_left (fun n vm -> Int64.max n (wanted vm)) 1L storm.vms in
  let unit, per_unit = unit_of largest in
  let amount pages = Int64.to_float pages /. per_unit in
  Buffer.add_string script (prelude ~name ~width:720 ~height:330);
  add "$vms << END\n";
  List.iter
    (fun (vm : Storm.vm) ->
      let on node = Option.value ~default:0L (List.assoc_opt node vm.memory) in
      let frame, lost =
        match vm.build.outcome with
        | Built _ -> (0L, 0L)
        | Refused _ -> (wanted vm, 0L)
        | Failed { populated; _ } -> (Int64.sub (wanted vm) populated, populated)
      in
      add "\"%s\"" vm.build.vm.name;
      List.iter (fun node -> add " %.4f" (amount (on node))) nodes;
      (* A bar of no height would still have a border. *)
      let bar pages = if pages = 0L then "NaN" else Printf.sprintf "%.4f" (amount pages) in
      add " %s %s\n" (bar lost) (bar frame))
    storm.vms;
  add "END\n";
  add
    "set style data histograms\n\
     set style histogram rowstacked\n\
     set boxwidth 0.8\n\
     set xtics rotate by 60 right font ',9' scale 0\n\
     set ylabel '%s'\n\
     set yrange [0:*]\n\
     set bmargin 3.6\n\
     set key above maxrows 2 font ',10' samplen 1\n"
    unit;
  let column i = i + 2 in
  let last = column (List.length nodes) in
  let some f = List.exists (fun (vm : Storm.vm) -> f vm.build.outcome) storm.vms in
  let failed = some (function Failed _ -> true | Built _ | Refused _ -> false) in
  let refused = some (function Refused _ -> true | Built _ | Failed _ -> false) in
  let on_node i node =
    Printf.sprintf "using %d:xtic(1) title 'node %d' fs solid 1 noborder lc rgb '%s'" (column i)
      node
      of_node.(node mod Array.length of_node)
  in
  let only_if condition series = if condition then [ series ] else [] in
  let series =
    List.mapi on_node nodes
    @ only_if failed
        (Printf.sprintf "using %d title 'populated for nothing' lc rgb '%s' fs pattern 5" last
           wasted)
    @ only_if (failed || refused)
        (Printf.sprintf "using %d title 'not had' lc rgb '%s' dt 2 fs empty" (last + 1) ink)
  in
  add "plot $vms %s\n" (String.concat ", '' " series);
  Buffer.contents script

(* HTML *)

let escape text =
  let out = Buffer.create (String.length text) in
  String.iter
    (function
      | '<' -> Buffer.add_string out "&lt;"
      | '>' -> Buffer.add_string out "&gt;"
      | '&' -> Buffer.add_string out "&amp;"
      | '"' -> Buffer.add_string out "&quot;"
      | c -> Buffer.add_char out c)
    text;
  Buffer.contents out

let style =
  {|:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 96rem; margin: 2rem auto; padding: 0 1.5rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: right; padding: 0.25rem 1rem; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: pre; }
.storms { display: grid; grid-template-columns: repeat(auto-fit, minmax(28rem, 1fr)); gap: 0 2rem; }
figure { margin: 1rem 0; }
figcaption { color: color-mix(in srgb, currentColor 75%, transparent); font-size: 0.9em; }
svg { width: 100%; height: auto; }
.key { display: inline-block; width: 0.8em; height: 0.8em; margin: 0 0.2em 0 0.6em; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }|}

let html_table rows =
  let row tag cells =
    let cell text = Printf.sprintf "<%s>%s</%s>" tag (escape text) tag in
    "<tr>" ^ String.concat "" (List.map cell cells) ^ "</tr>\n"
  in
  match rows with
  | header :: rows ->
      "<table>\n" ^ row "th" header ^ String.concat "" (List.map (row "td") rows) ^ "</table>\n"
  | [] -> ""

let figure svg caption =
  Printf.sprintf "<figure>%s<figcaption>%s</figcaption></figure>\n" svg caption

let key colour text =
  Printf.sprintf {|<span class="key" style="background:%s"></span>%s|} colour text

let explain : Storm.by -> string = function
  | Builder Without_claims ->
      "VMs are populated by their affinity to the nodes planned. Xen takes memory of others when \
       these are full, and when there it need not be scrubbed first."
  | Builder Claims_and_affinity ->
      "What was planned is claimed, and VMs are populated in the same way."
  | Builder Claims_and_exact_nodes ->
      "What was planned is claimed, and VMs are populated from exactly the nodes they claim."
  | Xl { claims = false } ->
      "As many xl create as there are processors. Each looks at the nodes, decides on one, or \
       several, and populates by affinity to these."
  | Xl { claims = true } -> "The same, but what libxl decides on it claims at the same time."
  | Replayed _ -> ""

let section ~seconds nodes i (storm : Storm.t) =
  let ( let* ) = Result.bind in
  let name kind = Printf.sprintf "%s%d" kind i in
  let* memory = draw (memory_over_time ~name:(name "memory") ~seconds storm) in
  let* placed = draw (placement ~name:(name "placement") nodes storm) in
  let title = String.capitalize_ascii (Report.kind storm.by) in
  Ok
    (Printf.sprintf "<section>\n<h2>%s</h2>\n<p>%s</p>\n%s%s</section>\n" title (explain storm.by)
       (figure memory
          ("Memory of each node over time:" ^ key used "in use" ^ key claimed "claimed"
         ^ "; what is above, up to the line, is free."))
       (figure placed
          "Where the memory of each VM is. A dashed frame is memory that a VM did not get: it was \
           refused, or its build failed."))

let html (report : Report.t) =
  let seconds = List.fold_left (fun t (s : Storm.t) -> Float.max t s.seconds) 0. report.storms in
  let first = List.hd report.storms in
  let nodes = List.map (fun (m : Xenctrl.node_memory) -> m.node) (List.hd first.samples).nodes in
  let rec sections i = function
    | [] -> Ok []
    | storm :: storms ->
        Result.bind (section ~seconds nodes i storm) (fun section ->
            Result.map (fun rest -> section :: rest) (sections (i + 1) storms))
  in
  Result.map
    (fun sections ->
      Printf.sprintf
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>%s</title>\n\
         <style>\n\
         %s\n\
         </style>\n\
         </head>\n\
         <body>\n\
         <h1>%s</h1>\n\
         <p>%s</p>\n\
         %s<div class=\"storms\">\n\
         %s</div>\n\
         </body>\n\
         </html>\n"
        (escape report.scenario.name) style
        (escape (Report.heading report))
        (escape report.scenario.about)
        (html_table (Report.rows report))
        (String.concat "" sections))
    (sections 0 report.storms)

let rec make_directory path =
  if not (Sys.file_exists path) then (
    make_directory (Filename.dirname path);
    try Unix.mkdir path 0o777 with Unix.Unix_error (EEXIST, _, _) -> ())

let write report ~directory =
  Result.bind (html report) @@ fun html ->
  let path = Filename.concat directory "report.html" in
  try
    make_directory directory;
    Out_channel.with_open_bin path (fun out -> Out_channel.output_string out html);
    Ok path
  with
  | Sys_error reason -> Error reason
  | Unix.Unix_error (error, _, path) -> Error (path ^ ": " ^ Unix.error_message error)
