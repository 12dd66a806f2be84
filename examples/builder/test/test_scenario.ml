open Builder_lib

let example = {|{"host": "2x4", "vms": [{"name": "web-1", "mib": 2048}]}|}

(* A whole scenario that is wrong, and the whole error. *)
let bad =
  [
    ("", "empty; it has to have a scenario, as in " ^ example);
    (" \n", "empty; it has to have a scenario, as in " ^ example);
    ("hello", "not JSON: line 1, column 1: Invalid token 'hello'");
    ( "{\n \"host\": \"a\",}",
      "not JSON: line 2, column 14: Expected string or identifier but found '}'" );
    ("[]", "[] is not a scenario, as in " ^ example);
    ("{}", "vms is missing");
    ({|{"vms": [{"name": "a", "mib": 1}]}|}, "host is missing");
    ({|{"vms": [], "host": "uma"}|}, "vms is empty; it has to have a VM, as in " ^ example);
    ({|{"vms": 7, "host": "uma"}|}, "vms is 7, not a list of VMs");
    ({|{"vms": [{"name": "a", "mib": 1}], "host": 7}|}, "host is 7, not a string");
    ( {|{"vms": [{"name": "a", "mib": 1}], "host": "uma", "builders": 65}|},
      "builders is 65, not a whole number in 1..64" );
    ( {|{"vms": [{"name": "a", "mib": 1}], "hosts": "uma"}|},
      {|unknown field "hosts"; a scenario has about, host, builders, running, vms|} );
    ( {|{"host": "uma", "running": [{"name": "a", "mib": 1}], "vms": [{"name": "a", "mib": 1}]}|},
      "running, entry 1 (a): there is one of that name already; give it another" );
    ( {|{"host": "uma", "running": [{"name": "a", "mib": 1, "arrives": 1}], "vms": []}|},
      "vms is empty; it has to have a VM, as in " ^ example );
    ( {|{"host": "uma", "running": [{"name": "a", "mib": 1, "arrives": 1}], "vms": [{"name": "b", "mib": 1}]}|},
      {|running, entry 1 (a): unknown field "arrives"; a VM has name, mib and, if you like, nodes and leaves|}
    );
  ]

(* VMs that are wrong, and what is behind "vms, ". *)
let bad_vms =
  [
    ("[[1]]", "entry 1: [1] is not an object with name and mib");
    ({|[{"mib": 1}]|}, "entry 1: name is missing");
    ({|[{"name": "a"}]|}, "entry 1 (a): mib is missing");
    ( {|[{"name": "a", "mb": 1}]|},
      {|entry 1 (a): unknown field "mb"; a VM has name, mib and, if you like, nodes and arrives|} );
    ({|[{"name": "a", "mib": 1, "mib": 2}]|}, "entry 1 (a): mib is there twice");
    ( {|[{"name": "a", "mib": 1}, {"name": "b", "mib": 1}, {"name": "a", "mib": 2}]|},
      "entry 3 (a): there is one of that name already; give it another" );
    ({|[{"name": "a", "mib": 1, "nodes": 0}]|}, "entry 1 (a): nodes is 0, not a list of node ids");
    ({|[{"name": "a", "mib": 1, "nodes": [1, 0, 1]}]|}, "entry 1 (a): nodes has 1 twice");
    ( {|[{"name": "a", "mib": 1, "nodes": [64]}]|},
      "entry 1 (a): nodes has 64, not a node id in 0..63" );
    ( {|[{"name": "a", "mib": 1, "nodes": ["0"]}]|},
      {|entry 1 (a): nodes has "0", not a node id in 0..63|} );
    ( {|[{"name": "a", "mib": 1, "arrives": -1}]|},
      "entry 1 (a): arrives is -1, not a number of seconds" );
    ( {|[{"name": "a", "mib": 1, "arrives": "soon"}]|},
      {|entry 1 (a): arrives is "soon", not a number of seconds|} );
  ]
  @ List.map
      (fun mib ->
        ( Printf.sprintf {|[{"name": "a", "mib": %s}]|} mib,
          Printf.sprintf "entry 1 (a): mib is %s, not a whole number in 1..16777215" mib ))
      [ "0"; "-512"; "512.5"; {|"512"|}; "null"; "NaN"; "16777216"; "99999999999999999999999" ]
  @ List.map
      (fun name ->
        ( Printf.sprintf {|[{"name": %s, "mib": 1}]|} name,
          Printf.sprintf
            "entry 1: name is %s, not a string of 1..64 letters, digits, '-', '_' and '.'" name ))
      [ {|""|}; "7"; {|"a b"|}; {|"a\nb"|}; {|"\u001b[31m"|} ]

let with_vms vms = Printf.sprintf {|{"host": "2x4", "vms": %s}|} vms
let result = function Ok (_ : Scenario.t) -> "accepted" | Error message -> message

let errors () =
  let check text expected =
    Alcotest.(check string)
      text ("x.json: " ^ expected)
      (result (Scenario.parse ~source:"x.json" text))
  in
  List.iter (fun (text, expected) -> check text expected) bad;
  List.iter (fun (vms, expected) -> check (with_vms vms) ("vms, " ^ expected)) bad_vms

let long_input () =
  let name = String.concat "" (List.init 1000 (fun _ -> "\xc3\xa9")) in
  match
    Scenario.parse ~source:"x" (with_vms (Printf.sprintf {|[{"name": "%s", "mib": 1}]|} name))
  with
  | Ok _ -> Alcotest.fail "accepted"
  | Error message ->
      Alcotest.(check bool) "short" true (String.length message < 200);
      Alcotest.(check bool) "UTF-8" true (String.is_valid_utf_8 message)

let good () =
  let text =
    {|{"vms": [{"nodes": [63, 0], "mib": 16777215, "name": "db-1", "arrives": 1.5}, {"name": "A_b.c", "mib": 1}],
       "host": "uma", "running": [{"name": "o", "mib": 2, "leaves": 3}, {"name": "p", "mib": 2}]}|}
  in
  let expected : Scenario.t =
    {
      name = "scenario";
      about = "";
      host = "uma";
      builders = 8;
      running =
        [
          { name = "o"; pages = 512L; nodes = []; at = 3. };
          { name = "p"; pages = 512L; nodes = []; at = infinity };
        ];
      vms =
        [
          { name = "db-1"; pages = 4294967040L; nodes = [ 63; 0 ]; at = 1.5 };
          { name = "A_b.c"; pages = 256L; nodes = []; at = 0. };
        ];
    }
  in
  Alcotest.(check bool) "all fields" true (Scenario.parse ~source:"x" text = Ok expected)

let lacking_node () =
  let vms = Printf.sprintf {|[{"name": "a", "mib": 1}, {"name": "b", "mib": 1, "nodes": [%s]}]|} in
  let check nodes =
    Result.bind
      (Scenario.parse ~source:"x" (with_vms (vms nodes)))
      (fun t -> Scenario.check_nodes ~source:"x" ~host:"h" [ 0; 1; 2; 8 ] t)
  in
  Alcotest.(check (result unit string)) "there" (Ok ()) (check "8, 0");
  Alcotest.(check (result unit string))
    "lacking" (Error "x: vms, entry 2 (b): host h has no node 3; it has nodes 0-2, 8")
    (check "0, 3")

let tests =
  [
    Alcotest.test_case "each bad input has its message" `Quick errors;
    Alcotest.test_case "a message stays short" `Quick long_input;
    Alcotest.test_case "a good scenario" `Quick good;
    Alcotest.test_case "a node the host lacks" `Quick lacking_node;
  ]
