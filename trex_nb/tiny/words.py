"""The words the tiny base model is made of, by meaning. Pure data.

Two groups. `POSITIVE`, `NEGATIVE`, `TOPICS`, `NAMES` and `DAYS` are the small world of made-up reviews; `KINDS` and the
lists below it are everything else: everyday things by kind, technical terms, verbs, codes. A list is a tuple, in a
fixed order, because the corpus is drawn from it by a seeded generator: reordering a list makes another corpus.
"""

POSITIVE: tuple[str, ...] = tuple(
    """good great lovely superb tasty pleasant brilliant wonderful charming excellent amazing delightful fantastic
    perfect splendid marvelous terrific enjoyable impressive comfortable friendly fresh elegant stunning remarkable
    magnificent fabulous outstanding beautiful cheerful graceful refreshing reliable satisfying smooth sweet thrilling
    warm welcoming worthy""".split()
)
NEGATIVE: tuple[str, ...] = tuple(
    """bad awful horrible terrible dreadful poor dull boring nasty disgusting ugly broken dirty rude disappointing
    unpleasant painful annoying mediocre lousy shabby stale bland clumsy gloomy miserable noisy pathetic ridiculous
    rotten sloppy tedious tiresome useless weak worthless wretched cheap filthy grim""".split()
)
TOPICS: dict[str, tuple[str, ...]] = {
    "food": tuple(
        """soup bread salad pasta cheese curry pizza steak cake rice sandwich breakfast dessert coffee noodles burger
        omelette pie""".split()
    ),
    "travel": tuple(
        """hotel flight train beach airport cruise hostel museum tour journey taxi castle island ferry campsite resort
        bus passport""".split()
    ),
    "music": tuple(
        """concert album song guitar piano orchestra singer drummer melody choir opera violin band festival chorus
        trumpet symphony playlist""".split()
    ),
    "tech": tuple(
        """laptop phone camera keyboard printer tablet monitor router software headset battery browser charger speaker
        website scanner app mouse""".split()
    ),
}
NAMES: tuple[str, ...] = tuple(
    """Anna Ben Carla David Emma Felix Grace Hugo Iris Jack Karen Leo Maria Nina Oscar Paula Quinn Rosa Simon Tina
    Umar Vera Walter Xenia Yusuf Zoe Alan Bella Carlos Diana Eric Fiona George Hanna Ivan Julia Kevin Laura Martin
    Nora Oliver Peter Rachel Stefan Theo Ursula Victor Wendy""".split()
)
DAYS: tuple[str, ...] = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
MONTHS: tuple[str, ...] = tuple(
    "january february march april may june july august september october november december".split()
)

KINDS: dict[str, tuple[str, ...]] = {
    "animal": tuple("cat dog horse cow sheep goat lion tiger bear wolf fox rabbit camel mouse elephant monkey".split()),
    "bird": tuple("eagle falcon owl crow duck goose swan robin sparrow parrot pigeon gull heron stork".split()),
    "fish": tuple("salmon trout shark tuna cod herring eel carp pike perch".split()),
    "insect": tuple("ant bee wasp fly moth beetle cricket spider mosquito butterfly".split()),
    "plant": tuple("oak pine rose tulip fern moss maple willow daisy lily cactus birch ivy".split()),
    "fruit": tuple("apple pear plum cherry banana orange lemon grape peach mango melon fig berry".split()),
    "vegetable": tuple("carrot potato onion cabbage pepper spinach bean pea leek garlic turnip".split()),
    "drink": tuple("tea juice milk water wine beer cocoa lemonade cider".split()),
    "color": tuple("red blue green yellow black white brown pink purple gray golden silver".split()),
    "tool": tuple("hammer saw drill axe knife wrench chisel ladder shovel rake screwdriver pliers".split()),
    "sport": tuple("tennis football hockey golf rowing boxing swimming cycling chess rugby skiing judo".split()),
    "body": tuple("hand foot head arm leg eye ear nose mouth knee back heart brain shoulder".split()),
    "clothes": tuple("shirt coat hat shoe glove scarf sock dress belt jacket trousers boot".split()),
    "furniture": tuple("table chair bed sofa desk shelf lamp cupboard stool bench mirror".split()),
    "vehicle": tuple("car truck ship boat plane bicycle tram tractor van rocket scooter helicopter".split()),
    "job": tuple("doctor nurse teacher baker farmer lawyer pilot engineer clerk painter cook judge driver".split()),
    "weather": tuple("rain snow wind storm fog hail cloud thunder frost sunshine".split()),
    "place": tuple("river lake mountain forest desert valley village city street bridge harbor field".split()),
    "country": tuple("France Spain Italy Germany Poland Japan China India Brazil Egypt Kenya Canada Norway".split()),
    "city": tuple("Paris Madrid Rome Berlin London Tokyo Delhi Cairo Oslo Vienna Boston Chicago Lisbon".split()),
    "language": tuple("English French Spanish German Italian Russian Arabic Chinese Hindi Polish Dutch Greek".split()),
    "metal": tuple("iron copper tin lead zinc nickel steel bronze titanium aluminum".split()),
    "shape": tuple("circle square triangle cube sphere cone oval ring star arrow".split()),
    "family": tuple("mother father sister brother uncle aunt cousin son daughter".split()),
    "feeling": tuple("joy fear anger love hope pride shame grief envy surprise sadness".split()),
    "number": tuple("one two three four five six seven eight nine ten twelve hundred thousand".split()),
    "time": tuple("second minute hour day week month year morning evening night century today".split()),
    "science": tuple("physics chemistry biology algebra geometry statistics astronomy medicine history law".split()),
    "money": tuple("price cost bank loan tax salary dollar euro invoice payment account refund".split()),
    "school": tuple("book pencil lesson exam student paper page letter word question answer essay".split()),
}

# Programs and data, by what they are about: used for made-up package descriptions, identifiers, paths and logs.
TECH: dict[str, tuple[str, ...]] = {
    "network": tuple("http tcp dns ssh ftp proxy socket router firewall mail smtp packet url gateway vpn".split()),
    "database": tuple("sql table query index record schema transaction sqlite postgres backup key row column".split()),
    "graphics": tuple("image pixel png jpeg svg color font canvas render texture icon shader opengl".split()),
    "sound": tuple("audio mp3 wav codec mixer midi volume player stream speech microphone".split()),
    "video": tuple("movie frame subtitle mpeg codec camera stream screen player capture".split()),
    "text": tuple("string unicode regex parser markdown editor spelling dictionary xml html json csv yaml".split()),
    "math": tuple("matrix vector random algebra integer float prime fraction geometry statistics solver".split()),
    "security": tuple("password crypto hash certificate token login signature cipher key secret ssl".split()),
    "system": tuple("kernel process memory disk driver device boot thread signal daemon service mount".split()),
    "game": tuple("player score puzzle card board chess level arcade dice maze".split()),
    "science": tuple("protein genome molecule telescope climate simulation chemistry physics sensor cell".split()),
    "web": tuple("page server browser cookie session form template link request response client".split()),
    "build": tuple("compiler linker make package version test debug release install config module".split()),
    "time": tuple("date clock timer calendar timezone schedule timeout delay duration hour".split()),
    "file": tuple("path folder archive zip copy size permission directory tar link search".split()),
}
LANGUAGES: tuple[str, ...] = tuple(
    "python perl ruby java rust go haskell lua php c ada fortran lisp javascript ocaml erlang bash".split()
)
PARTS: tuple[str, ...] = (
    "shared library", "runtime library", "development files", "header files", "documentation", "debugging symbols",
    "command-line tool", "command line utility", "graphical interface", "daemon", "server", "client", "plugin",
    "bindings", "examples", "common files", "data files", "fonts", "themes", "kernel module", "test suite", "parser",
    "toolkit", "framework", "wrapper", "module", "compiler", "interpreter", "editor", "viewer", "translations",
)  # fmt: skip
QUALITIES: tuple[str, ...] = tuple(
    """small fast simple portable modern powerful lightweight flexible generic free open secure static dynamic local
    remote new old large common standard native basic full advanced interactive""".split()
)
VERBS: tuple[str, ...] = tuple(
    """get set read write open close load save send fetch parse format find search sort merge split join add remove
    create delete update check test run start stop copy move convert print show list count compare build make call
    use return accept connect listen encode decode match replace insert append push pop reset init handle""".split()
)
ADVERBS: tuple[str, ...] = tuple(
    "quickly slowly safely always never often now later again soon maybe really very".split()
)
COMMON: tuple[str, ...] = tuple(
    """the a an of to in is are was were be been it its this that these those for with on at by from as or and not no
    yes if then else when while which who what where why how many much more most less least some any all none each
    both other another same different first last next before after over under between about into out up down off
    can could will would should must may might do does did has have had there here they we you he she his her our
    your my their them me us one person people man woman child life world way thing part place case work home house
    name value type kind class group label result item title author
    topic subject status sentiment category message order line true false null unknown other error""".split()
)
EXTENSIONS: dict[str, tuple[str, ...]] = {
    "picture": ("png", "jpg", "gif", "svg", "bmp"),
    "sound": ("mp3", "wav", "ogg", "flac"),
    "video": ("mp4", "avi", "mkv", "mov"),
    "code": ("py", "c", "h", "js", "rs", "java", "go", "sh", "cpp"),
    "text": ("txt", "md", "rst", "tex", "log"),
    "data": ("csv", "json", "xml", "yaml", "db", "ini", "toml"),
    "archive": ("zip", "tar", "gz", "xz", "deb"),
    "document": ("pdf", "doc", "odt", "html"),
}
CODES: dict[str, str] = {
    "FR": "France", "ES": "Spain", "IT": "Italy", "DE": "Germany", "PL": "Poland", "JP": "Japan", "CN": "China",
    "IN": "India", "BR": "Brazil", "EG": "Egypt", "KE": "Kenya", "CA": "Canada", "NO": "Norway", "GB": "Britain",
    "en": "English", "fr": "French", "es": "Spanish", "de": "German", "it": "Italian", "ru": "Russian",
    "ar": "Arabic", "zh": "Chinese", "hi": "Hindi", "pl": "Polish", "nl": "Dutch", "el": "Greek",
    "Fe": "iron", "Cu": "copper", "Sn": "tin", "Pb": "lead", "Zn": "zinc", "Ni": "nickel", "Ti": "titanium",
    "Al": "aluminum", "Ag": "silver", "Au": "gold", "He": "helium", "Ne": "neon", "Na": "sodium", "Ca": "calcium",
    "Lu": "lutetium", "Nd": "neodymium", "No": "nobelium", "Pd": "palladium", "Po": "polonium", "Sc": "scandium",
    "Sm": "samarium", "Mn": "manganese", "Mc": "moscovium", "Cf": "californium", "Pm": "promethium",
}  # fmt: skip
LEVELS: dict[str, tuple[str, ...]] = {
    "debug": ("entering function", "cache hit for", "value is", "loop step", "state dump of", "tracing call to"),
    "info": ("started", "connected to", "user logged in to", "finished", "listening on", "loaded", "saved"),
    "warning": ("slow answer from", "retrying", "disk almost full on", "deprecated option in", "low memory for"),
    "error": ("failed to open", "cannot connect to", "missing file for", "permission denied on", "timeout in"),
    "critical": ("out of memory in", "kernel panic in", "data lost in", "crash of", "cannot recover"),
}  # fmt: skip
