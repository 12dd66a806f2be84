type kind = Real | Simulated

type t = {
  kind : kind;
  began : float;
  mutex : Mutex.t;
  turns : Condition.t array;  (** Each actor waits for its own: waking all of them takes longer. *)
  times : float array;  (** Simulated; infinity for those who are done. *)
  mutable working : int;  (** Actors that are not in the background. *)
}

type actor = { clock : t; id : int; background : bool }

exception Over

let now { clock; id; _ } =
  match clock.kind with
  | Real -> Unix.gettimeofday () -. clock.began
  | Simulated -> clock.times.(id)

(* The lowest id of those furthest behind. *)
let next { times; _ } =
  let next = ref 0 in
  Array.iteri (fun id time -> if time < times.(!next) then next := id) times;
  !next

let wait_for_turn { clock; id; background } =
  let over () = background && clock.working = 0 in
  while not (over () || next clock = id) do
    Condition.wait clock.turns.(id) clock.mutex
  done;
  if over () then raise Over

(* Others run once they are in front, or when it is all over. *)
let wake clock =
  if clock.working = 0 then Array.iter Condition.signal clock.turns
  else Condition.signal clock.turns.(next clock)

let spend ({ clock; id; background } as actor) seconds =
  match clock.kind with
  | Real ->
      Unix.sleepf seconds;
      if background && Mutex.protect clock.mutex (fun () -> clock.working = 0) then raise Over
  | Simulated ->
      Mutex.protect clock.mutex @@ fun () ->
      clock.times.(id) <- clock.times.(id) +. seconds;
      wake clock;
      wait_for_turn actor

let wait_until actor time = spend actor (Float.max 0. (time -. now actor))

let run kind actors ~background =
  let count = List.length actors and all = List.length actors + List.length background in
  let clock =
    {
      kind;
      began = Unix.gettimeofday ();
      mutex = Mutex.create ();
      turns = Array.init all (fun _ -> Condition.create ());
      times = Array.make all 0.;
      working = count;
    }
  in
  let body id f () =
    let actor = { clock; id; background = id >= count } in
    let finally () =
      Mutex.protect clock.mutex @@ fun () ->
      clock.times.(id) <- infinity;
      if not actor.background then clock.working <- clock.working - 1;
      wake clock
    in
    Fun.protect ~finally @@ fun () ->
    try
      (* All are there from the start, whichever domain comes up first. *)
      spend actor 0.;
      f actor;
      Ok ()
    with
    | Over -> Ok ()
    | exn -> Error (exn, Printexc.get_raw_backtrace ())
  in
  let domains = List.mapi (fun id f -> Domain.spawn (body id f)) (actors @ background) in
  let raise_error = function
    | Ok () -> ()
    | Error (exn, trace) -> Printexc.raise_with_backtrace exn trace
  in
  List.iter raise_error (List.map Domain.join domains)
