(* The report in a browser: its pictures are there, of some size, drawn, and nothing is fetched.

   in_browser BUILDER SCENARIO *)

let browser = "chromium-headless-shell"

let run program arguments =
  let out = Unix.open_process_args_in program (Array.of_list (program :: arguments)) in
  let text = In_channel.input_all out in
  match Unix.close_process_in out with
  | WEXITED 0 -> text
  | WEXITED 127 -> failwith (Printf.sprintf "there is no %s (Debian package of that name)" program)
  | _ -> failwith (program ^ " failed")

let read path = In_channel.with_open_bin path In_channel.input_all
let write path text = Out_channel.with_open_bin path (fun out -> output_string out text)

(* What a page says of itself once it is laid out: a line for each picture, with its width, height,
   and number of shapes that cover something. *)
let probe =
  {|<script>addEventListener("load", () => {
  const drawn = e => { const box = e.getBoundingClientRect(); return box.width + box.height > 2; };
  const lines = [...document.querySelectorAll("svg, img, canvas")].map(svg => {
    const box = svg.getBoundingClientRect();
    const shapes = [...svg.querySelectorAll("path, polygon, rect, text")].filter(drawn);
    return [Math.round(box.width), Math.round(box.height), shapes.length].join(" ");
  });
  document.body.textContent = "pictures" + ":" + lines.join(";") + ":end";
});</script>|}

let between first last text =
  let start = Str.search_forward (Str.regexp_string first) text 0 + String.length first in
  String.sub text start (Str.search_forward (Str.regexp_string last) text start - start)

(* Every URL that the browser's network stack was asked for. *)
let requested netlog =
  let open Yojson.Safe.Util in
  let url event =
    member "params" event |> function `Assoc _ as p -> member "url" p | _ -> `Null
  in
  Yojson.Safe.from_string netlog |> member "events" |> to_list |> List.map url
  |> List.filter_map to_string_option |> List.sort_uniq compare

let checks = ref 0

let check what ok =
  incr checks;
  if not ok then (
    Printf.printf "%d passed, 1 failed\n" (!checks - 1);
    failwith what)

let () =
  let directory = Filename.temp_dir "report" "" in
  let file name = Filename.concat directory name in
  let open_page page more =
    let log = file "net.json" in
    let options = [ "--no-sandbox"; "--disable-gpu"; "--user-data-dir=" ^ file "profile" ] in
    let options = options @ [ "--log-net-log=" ^ log; "--window-size=1400,1200" ] in
    let text = run browser (options @ more @ [ "file://" ^ page ]) in
    (text, requested (read log))
  in
  let finally () = ignore (Sys.command ("rm -rf " ^ Filename.quote directory) : int) in
  Fun.protect ~finally @@ fun () ->
  ignore (run Sys.argv.(1) [ "storm"; Sys.argv.(2); "--report"; directory ] : string);
  let html = read (file "report.html") in
  write (file "probed.html")
    (Str.global_replace (Str.regexp_string "</head>") (probe ^ "</head>") html);
  let dom, _ = open_page (file "probed.html") [ "--dump-dom" ] in
  let pictures = String.split_on_char ';' (between "pictures:" ":end" dom) in
  check (Printf.sprintf "%d pictures, not 6" (List.length pictures)) (List.length pictures = 6);
  List.iter
    (fun picture ->
      Scanf.sscanf picture "%d %d %d" (fun width height shapes ->
          check
            ("a picture is too small or empty: " ^ picture)
            (width > 400 && height > 150 && shapes > 40)))
    pictures;
  (* The log notices what is fetched, and the report fetches nothing. *)
  write (file "fetching.html") {|<img src="http://127.0.0.1:9/picture.svg">|};
  let _, urls = open_page (file "fetching.html") [ "--dump-dom" ] in
  check "the log has no request that was made" (List.mem "http://127.0.0.1:9/picture.svg" urls);
  let _, urls = open_page (file "report.html") [ "--dump-dom" ] in
  let others = List.filter (fun url -> not (String.starts_with ~prefix:"file://" url)) urls in
  check ("fetched: " ^ String.concat ", " others) (others = []);
  let references = Str.regexp {|\(src\|href\)="[^#]\|url([^#]\|@import|} in
  check "a text that stays black on black"
    (match Str.search_forward (Str.regexp {|"black"\|rgb( *1, *2, *3)|}) html 0 with
    | _ -> false
    | exception Not_found -> true);
  check "a reference to something else"
    (match Str.search_forward references html 0 with _ -> false | exception Not_found -> true);
  Printf.printf "%d passed, 0 failed\n" !checks
