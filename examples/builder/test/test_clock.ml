open Builder_lib

(* Who did what when, as it happened. *)
let trace kind =
  let events = ref [] and mutex = Mutex.create () in
  let note name actor =
    Mutex.protect mutex (fun () ->
        events := (name, int_of_float (Float.round (1000. *. Clock.now actor))) :: !events)
  in
  let actor name steps a =
    List.iter
      (fun step ->
        Clock.spend a step;
        note name a)
      steps
  in
  let rec ticker a =
    note "tick" a;
    Clock.spend a 0.04;
    ticker a
  in
  Clock.run kind [ actor "a" [ 0.03; 0.03 ]; actor "b" [ 0.02; 0.05; 0.03 ] ] ~background:[ ticker ];
  List.rev !events

let in_turn () =
  let expected =
    [
      ("tick", 0); ("b", 20); ("a", 30); ("tick", 40); ("a", 60); ("b", 70); ("tick", 80); ("b", 100);
    ]
  in
  for _ = 1 to 20 do
    Alcotest.(check (list (pair string int))) "events" expected (trace Simulated)
  done

let real_time () =
  let began = Unix.gettimeofday () in
  let events = trace Real in
  let took = Unix.gettimeofday () -. began in
  Alcotest.(check int) "of b" 3 (List.length (List.filter (fun (who, _) -> who = "b") events));
  Alcotest.(check bool) "took its time" true (took >= 0.1)

let others_go_on () =
  let finished = Atomic.make 0 in
  let good a =
    Clock.spend a 1.;
    Clock.wait_until a 5.;
    Clock.wait_until a 2.;
    if Clock.now a = 5. then Atomic.incr finished
  in
  let bad a =
    Clock.spend a 0.5;
    failwith "bad"
  in
  Alcotest.check_raises "raised" (Failure "bad") (fun () ->
      Clock.run Simulated [ good; bad; good ] ~background:[]);
  Alcotest.(check int) "others" 2 (Atomic.get finished)

let tests =
  [
    Alcotest.test_case "always the one furthest behind" `Quick in_turn;
    Alcotest.test_case "real time" `Quick real_time;
    Alcotest.test_case "one that raises" `Quick others_go_on;
  ]
