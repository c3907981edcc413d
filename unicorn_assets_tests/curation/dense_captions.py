"""Dense captions of shipped seeds in the manner of a served model, written by hand: full of other counts and colours.

None contradicts its seed. Each adds, rewords and repeats; a rule that finds something here is too eager.
"""

FAITHFUL = (
    (
        "Two cyclists wait at a red light while a tram crosses the junction.",
        "Two cyclists stand astride their bikes at a junction, each with one foot on the wet asphalt. The nearer "
        "rider wears a green jacket and a black helmet, and the other has a blue backpack. Ahead of them a red "
        "light glows above a white stop line, and a yellow tram with three cars slides across from the left, its "
        "windows lit. Two green lights shine for the pedestrians on the far kerb, where four people wait beside a "
        "grey newspaper box.",
    ),
    (
        "A man in a yellow raincoat crosses a wet street with a folded newspaper over his head.",
        "In the middle of a wet street a man hurries across a zebra crossing, holding a folded newspaper flat over "
        "his head with one hand. His long raincoat is bright yellow and reaches below his knees; dark trousers and "
        "brown shoes show under it. Rain has left broad puddles that mirror red tail lights, and behind him two "
        "white vans stand before a row of shops with striped awnings. A second man, in a black coat, waits under a "
        "doorway.",
    ),
    (
        "Copper pans hang from an iron rack above a kitchen island.",
        "A wrought-iron rack is fixed to the ceiling over a kitchen island, and from its hooks hang seven copper "
        "pans of falling size, their insides lined with pale tin. Below the pans the island has a white marble top "
        "with a wooden board, two lemons and a blue bowl on it. Behind the island stands a black range under a "
        "tiled hood.",
    ),
    (
        "A cast iron skillet holds four sausages and a sliced red pepper.",
        "A black cast iron skillet sits on a gas burner, and in it four sausages lie side by side, browned along "
        "their tops. Around them are strips of a sliced pepper, red and glossy, with a few green flakes of parsley. "
        "One sausage has split at its end. To the right of the pan lie two more sausages on white paper, still raw "
        "and pink.",
    ),
    (
        "A girl holds a white rabbit against her green jumper.",
        "A girl with brown braids holds a rabbit close to her chest with both arms. The rabbit is white all over, "
        "with pink ears laid back along its neck, and its fur stands out against the green wool of her jumper. "
        "Behind her a grey hutch with a wire door holds a brown rabbit, and the grass around it is strewn with "
        "yellow straw.",
    ),
    (
        "Three women in bright saris walk along a dusty road under a line of trees.",
        "Three women walk in single file along a dusty road, their saris bright in orange, pink and turquoise. The "
        "first carries a brass pot on her head, the second woman a bundle of grass, and the third looks back over "
        "her shoulder. Tall trees stand in a line above them and throw broken shade onto the road. Far behind, two "
        "men push a cart.",
    ),
    (
        "The referee holds up a red card in front of an angry midfielder.",
        "A referee in a black shirt holds a card straight up in his right hand, its red clear against the grey "
        "stand. Facing him from less than an arm's length, a midfielder in a blue kit shouts with his mouth wide "
        "open, both arms spread. A yellow card shows at the edge of the referee's breast pocket. Behind the "
        "midfielder two teammates in blue come running.",
    ),
    (
        "A glacier ends in a wall of blue ice above a grey lagoon.",
        "The front of a glacier breaks off in a tall wall of ice, deep blue in its cracks and almost white along "
        "the top. Under the wall lies a lagoon, grey and still, with a dozen small floes on it. Black gravel banks "
        "run down to the water on the right, and low clouds cover the slopes above the ice.",
    ),
    (
        "Two nurses look over a chart beside an empty hospital bed.",
        "Beside a hospital bed that stands empty, its white sheet drawn smooth, two nurses bend over a chart on a "
        "clipboard. One nurse, in dark blue scrubs, points at a line with a pen while the other nurse holds the "
        "board. No patient is in the room. A drip stand, two grey monitors and a chair stand behind the bed.",
    ),
    (
        "The tailor pins the hem of a grey suit in front of a long mirror.",
        "A tailor kneels on a low platform and pins the hem of a suit that a customer is wearing. The suit is grey "
        "wool with fine white stripes, and white basting thread shows at the cuffs. Behind them a long mirror in a "
        "brown frame shows the customer's back. On the table to the left lie three reels of thread in red, black "
        "and green.",
    ),
    (
        "Four old men play dominoes at a stone table under a plane tree.",
        "Under the broad branches of a plane tree, four old men sit around a square stone table with a game of "
        "dominoes laid out between them. Two of the men lean forward over the tiles; one man in a white cap holds "
        "his hand up, and the last looks on with folded arms. Two empty chairs and a brown dog are in the shade "
        "behind the table.",
    ),
    (
        "Two police officers talk to a driver beside flashing blue lights.",
        "At the side of a road by night, two police officers in yellow vests stand at the open window of a silver "
        "car and talk to its driver. Beside them the blue lights on the roof of a white patrol car flash and colour "
        "the wet verge. One officer holds a torch. Red lights of three other cars fade into the distance.",
    ),
    (
        "An antique dealer polishes a silver teapot between two chipped vases.",
        "A dealer with rolled-up sleeves rubs a cloth along the spout of a teapot whose silver has a soft yellow "
        "shine from the lamp. On either side of it stands a vase, chipped at the rim, one blue and white, the other "
        "brown. Behind these two vases the shelves of the shop hold a row of green bottles, five plates and a black "
        "clock.",
    ),
    (
        "Graduates in black gowns throw their caps in front of a brick hall.",
        "A crowd of graduates stands on a lawn and throws square caps into the air, so that twenty or more hang "
        "above their heads. All of them wear black gowns, some with hoods lined in red, blue or white. Behind them "
        "rises a hall of dark red brick with tall white windows and a green copper dome.",
    ),
)
