type align = Left | Right

let pad align width text =
  let spaces = String.make (width - String.length text) ' ' in
  match align with Left -> text ^ spaces | Right -> spaces ^ text

let trimmed text =
  let rec length n = if n > 0 && text.[n - 1] = ' ' then length (n - 1) else n in
  String.sub text 0 (length (String.length text))

let render head rows =
  let rows = List.map snd head :: rows in
  let widest widths row = List.map2 (fun width text -> max width (String.length text)) widths row in
  let widths = List.fold_left widest (List.map (fun _ -> 0) head) rows in
  let columns = List.map2 (fun (align, _) width -> pad align width) head widths in
  let line row = trimmed (String.concat "  " (List.map2 (fun pad text -> pad text) columns row)) in
  String.concat "" (List.map (fun row -> line row ^ "\n") rows)

type style = Plain | Terminal of { colours : bool }

let style () =
  let able =
    match Sys.getenv_opt "TERM" with None | Some ("" | "dumb") -> false | Some _ -> true
  in
  let set name = match Sys.getenv_opt name with None | Some "" -> false | Some _ -> true in
  if not (Unix.isatty Unix.stdout) then Plain
  else Terminal { colours = (not (set "NO_COLOR")) && able }

(* Each part gets what its share rounds down to, but 1 if it is anything; the largest makes up the
   difference. *)
let shares ~width amounts =
  let total = List.fold_left Int64.add 0L amounts in
  let share amount =
    if amount = 0L then 0
    else max 1 (int_of_float (Int64.to_float amount /. Int64.to_float total *. float_of_int width))
  in
  let shares = List.map share amounts in
  let largest = List.fold_left max 0 shares in
  let missing = if total = 0L then 0 else width - List.fold_left ( + ) 0 shares in
  let rec give = function
    | [] -> []
    | share :: rest when share = largest -> max 0 (share + missing) :: rest
    | share :: rest -> share :: give rest
  in
  give shares

let bar style ~width parts =
  let draw (character, colour, _) share =
    let text = String.make share character in
    match style with
    | Terminal { colours = true } when share > 0 -> Printf.sprintf "\027[%sm%s\027[0m" colour text
    | Terminal _ | Plain -> text
  in
  let amounts = List.map (fun (_, _, amount) -> amount) parts in
  String.concat "" (List.map2 draw parts (shares ~width amounts))
