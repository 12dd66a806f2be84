open Builder_lib

(* What is in the list, and the whole error. *)
let bad =
  [
    ("", {|empty; it has to have a list of VMs, as in [{"name": "web-1", "mib": 2048}]|});
    (" \n", {|empty; it has to have a list of VMs, as in [{"name": "web-1", "mib": 2048}]|});
    ("hello", "not JSON: line 1, column 1: Invalid token 'hello'");
    ( "[\n {\"name\": \"a\",}\n]",
      "not JSON: line 2, column 15: Expected string or identifier but found '} ]'" );
    ("[", "not JSON: line 1, column 1: Unexpected end of input");
    ("[] x", "not JSON: line 1, column 4: Junk after end of JSON value: 'x'");
    ("[]", {|the list is empty; it has to have a VM, as in [{"name": "web-1", "mib": 2048}]|});
    ("{}", {|{} is not a list of VMs, as in [{"name": "web-1", "mib": 2048}]|});
    ( "[" ^ String.concat "," (List.init 32752 (fun _ -> "1")) ^ "]",
      "the list has 32752 VMs; a host can have 32751" );
    ("[[1]]", "entry 1: [1] is not an object with name and mib");
    ({|[{"mib": 1}]|}, "entry 1: name is missing");
    ({|[{"name": "a"}]|}, "entry 1 (a): mib is missing");
    ( {|[{"name": "a", "mb": 1}]|},
      {|entry 1 (a): unknown field "mb"; a VM has name, mib and, if you like, nodes|} );
    ({|[{"name": "a", "mib": 1, "mib": 2}]|}, "entry 1 (a): mib is there twice");
    ( {|[{"name": "a", "mib": 1}, {"name": "b", "mib": 1}, {"name": "a", "mib": 2}]|},
      "entry 3 (a): entry 1 has that name already; give it another" );
    ({|[{"name": "a", "mib": 1, "nodes": 0}]|}, "entry 1 (a): nodes is 0, not a list of node ids");
    ({|[{"name": "a", "mib": 1, "nodes": [1, 0, 1]}]|}, "entry 1 (a): nodes has 1 twice");
    ( {|[{"name": "a", "mib": 1, "nodes": [64]}]|},
      "entry 1 (a): nodes has 64, not a node id in 0..63" );
    ( {|[{"name": "a", "mib": 1, "nodes": [-1]}]|},
      "entry 1 (a): nodes has -1, not a node id in 0..63" );
    ( {|[{"name": "a", "mib": 1, "nodes": ["0"]}]|},
      {|entry 1 (a): nodes has "0", not a node id in 0..63|} );
  ]
  @ List.map
      (fun mib ->
        ( Printf.sprintf {|[{"name": "a", "mib": %s}]|} mib,
          Printf.sprintf "entry 1 (a): mib is %s, not a whole number in 1..16777215" mib ))
      [
        "0";
        "-512";
        "512.5";
        "512.0";
        {|"512"|};
        "null";
        "NaN";
        "16777216";
        "4611686018427387903";
        "9223372036854775808";
        "99999999999999999999999";
      ]
  @ List.map
      (fun name ->
        ( Printf.sprintf {|[{"name": %s, "mib": 1}]|} name,
          Printf.sprintf
            "entry 1: name is %s, not a string of 1..64 letters, digits, '-', '_' and '.'" name ))
      [ {|""|}; "7"; {|"a b"|}; {|"a\nb"|}; {|"\u001b[31m"|} ]

let vms = Alcotest.testable (fun ppf vms -> Format.pp_print_int ppf (List.length vms)) ( = )
let parsed = Alcotest.(result vms string)

let errors () =
  List.iter
    (fun (text, expected) ->
      let expected = Error ("vms.json: " ^ expected) in
      Alcotest.check parsed text expected (Vm_list.parse ~source:"vms.json" text))
    bad

let long_input () =
  let name = String.concat "" (List.init 1000 (fun _ -> "\xc3\xa9")) in
  match Vm_list.parse ~source:"x" (Printf.sprintf {|[{"name": "%s", "mib": 1}]|} name) with
  | Ok _ -> Alcotest.fail "accepted"
  | Error message ->
      Alcotest.(check bool) "short" true (String.length message < 200);
      Alcotest.(check bool) "UTF-8" true (String.is_valid_utf_8 message)

let good () =
  Alcotest.check parsed "all fields"
    (Ok
       [
         { name = "db-1"; mib = 16_777_215; nodes = [ 63; 0 ] };
         { name = "A_b.c"; mib = 1; nodes = [] };
       ])
    (Vm_list.parse ~source:"x"
       {|[{"nodes": [63, 0], "mib": 16777215, "name": "db-1"}, {"name": "A_b.c", "mib": 1, "nodes": []}]|})

let lacking_node () =
  let check nodes =
    Vm_list.check_nodes ~source:"x" ~host:"h" [ 0; 1; 2; 8 ]
      [ { name = "a"; mib = 1; nodes = [] }; { name = "b"; mib = 1; nodes } ]
  in
  Alcotest.(check (result unit string)) "there" (Ok ()) (check [ 8; 0 ]);
  Alcotest.(check (result unit string))
    "lacking" (Error "x: entry 2 (b): host h has no node 3; it has nodes 0-2, 8")
    (check [ 0; 3 ])

let tests =
  [
    Alcotest.test_case "each bad input has its message" `Quick errors;
    Alcotest.test_case "a message stays short" `Quick long_input;
    Alcotest.test_case "a good list" `Quick good;
    Alcotest.test_case "a node the host lacks" `Quick lacking_node;
  ]
