"""What generated mail is made of: topics with subjects and sentences, written for this project.

`{slot}` is filled from `SLOTS`, or with a number, an amount, a link or a date. Wanted and
unwanted mail share words on purpose: shops and banks write wanted mail too.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One kind of mail."""

    subjects: tuple[str, ...]
    sentences: tuple[str, ...]
    markup: float
    """Share of the mails of this topic that are HTML."""
    links: float
    """Share of the mails of this topic that carry a link."""


SLOTS: dict[str, tuple[str, ...]] = {
    "name": (
        "Anna", "Bilal", "Carmen", "Dmitri", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas",
        "Kofi", "Lena", "Marek", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Samir", "Tove",
    ),
    "surname": (
        "Adler", "Bianchi", "Costa", "Dahl", "Eriksen", "Fischer", "Gupta", "Haddad", "Ito",
        "Jansen", "Kowal", "Lopez", "Meyer", "Novak", "Okafor", "Petit", "Rossi", "Sato",
    ),
    "project": (
        "billing", "warehouse", "search", "mobile app", "website", "audit", "hiring", "budget",
        "training plan", "onboarding", "roadmap", "survey", "migration", "contract", "prototype",
    ),
    "place": (
        "Lisbon", "the north office", "Room 4", "Hamburg", "the cafeteria", "Osaka", "the lab",
        "Nairobi", "the library", "Leeds", "the main hall", "Tampere", "the town hall", "Quito",
    ),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "tomorrow", "next week"),
    "thing": (
        "slides", "figures", "draft", "invoice", "photos", "agenda", "tickets", "keys", "report",
        "minutes", "timetable", "recipe", "form", "spreadsheet", "quote", "schedule", "list",
    ),
    "goods": (
        "headphones", "desk lamp", "garden chair", "running shoes", "coffee grinder", "bookshelf",
        "winter coat", "kettle", "backpack", "bicycle pump", "keyboard", "rain jacket", "tent",
    ),
    "remedy": (
        "weight loss tea", "joint cream", "hair tonic", "energy pills", "sleep drops",
        "herbal capsules", "vitamin patch", "muscle powder", "skin serum", "memory tablets",
    ),
    "luxury": ("watches", "handbags", "sunglasses", "perfume", "phones", "tablets", "sneakers"),
    "bank": ("Northbank", "Crown Savings", "PayLane", "Unity Trust", "Harbour Card", "SafePay"),
    "shop": ("Fjord & Co", "Tinker Store", "Oak Market", "Blue Parcel", "Penny Lane", "Kvik"),
    "coin": ("NovaCoin", "BitRiver", "Lunarium", "EtherGold", "HashPeak"),
    "courier": ("QuickPost", "ParcelGo", "SwiftBox", "DepotNow"),
}  # fmt: skip

SHARED = (
    "Thank you for your time.",
    "Please let me know if you have any question.",
    "I hope this finds you well.",
    "We look forward to your answer.",
    "You can reach us at {number} during office hours.",
    "See the details below.",
    "This message was sent to you because you are on our list.",
    "Have a good {day}.",
    "As mentioned before, there is no hurry.",
    "Just a quick note from {place}.",
)

# Too short to tell: they come in both classes alike.
AMBIGUOUS = (
    ("Question", "Hi {name}, is the {goods} still available? Please answer soon."),
    ("Hello", "Please call me back at {number}, {name}"),
    ("Document", "{name}, the document is here: {link}"),
    ("Your order {number}", "Your order of {day} is ready. Details: {link}"),
    ("(no subject)", "See attached, {name} {surname}"),
    ("Payment", "We received {amount}. Reference {number}."),
    ("Re: {thing}", "Hi {name}, did you get my mail of {day} about the {thing}?"),
    ("Invitation", "{name} {surname} invites you: {link}"),
)

HAM = (
    Topic(
        (
            "{project} meeting on {day}", "Re: {project}", "{thing} for {day}", "Status {project}",
            "Fwd: {project} {thing}", "Agenda for {day}", "Notes from {place}",
        ),
        (
            "Can we move the {project} meeting to {day}?",
            "I have put the {thing} on the shared drive.",
            "{name} will present the {project} results in {place}.",
            "The team finished {number} of the open points this week.",
            "Could you review the {thing} before {day}?",
            "We still need a decision on the {project} budget of {amount}.",
            "Attached is the {thing} we talked about.",
            "{name} asked whether the {thing} includes last month.",
            "Let us keep the discussion for {day} short.",
            "The customer wants the {project} {thing} by {day}.",
            "Please note that {place} is booked until noon.",
            "I updated the ticket, see {link} for the discussion.",
        ),
        0.1, 0.2,
    ),
    Topic(
        (
            "Dinner on {day}?", "Photos from {place}", "Happy birthday {name}", "Weekend plans",
            "Train to {place}", "Hi from {place}", "Books for {name}",
        ),
        (
            "Are you coming over for dinner on {day}?",
            "{name} and the kids send their love.",
            "We spent the weekend in {place} and it rained all the time.",
            "I will bring the {thing} and something sweet.",
            "Mum asks if you still have her {goods}.",
            "Do you remember {name} from school?",
            "The train arrives at half past six, can you pick me up?",
            "I finally read the book you gave me.",
            "Our cat has discovered the {goods}.",
            "Let me know which day suits you.",
            "Thanks again for helping with the move.",
            "The photos are here if you want to see them: {link}",
        ),
        0.05, 0.15,
    ),
    Topic(
        (
            "Your {shop} order {number}", "Receipt from {shop}", "Your {goods} is on its way",
            "{shop}: new in this month", "Your {bank} statement is ready", "Delivery on {day}",
        ),
        (
            "Thank you for your order of one {goods}.",
            "The total is {amount}, paid by card.",
            "Your parcel leaves our warehouse on {day}.",
            "You can follow the delivery at {link}",
            "Returns are free within thirty days.",
            "Your monthly account statement is available online.",
            "Members get free delivery on orders over {amount}.",
            "This week we offer the {goods} at a reduced price.",
            "You receive this newsletter because you have an account with us.",
            "Click here to unsubscribe or change your settings: {link}",
            "Our customer service answers from nine to five.",
            "The invoice {number} is attached to this mail.",
        ),
        0.75, 0.8,
    ),
    Topic(
        (
            "[{project}] release {number}", "[list] question about {project}", "Call for papers",
            "[{project}] build failed", "Workshop in {place}", "Re: [list] {thing}",
        ),
        (
            "The build of the {project} branch failed at step {number}.",
            "Does anybody know how to read the {thing} in the old format?",
            "Abstracts of two pages are due on {day}.",
            "The workshop takes place in {place} and is free for students.",
            "I get an error when I run the example from the manual.",
            "The patch works for me, thanks {name}.",
            "See {link} for the full log.",
            "We merged {number} changes since the last release.",
            "Please reply to the list, not to me alone.",
            "A recording of the talk will be published later.",
        ),
        0.05, 0.5,
    ),
)  # fmt: skip

SPAM = (
    Topic(
        (
            "You have WON {amount}", "Congratulations {name}, claim your prize", "Winner {number}!",
            "Final notice: your {amount} reward", "Lucky draw result",
        ),
        (
            "You have been selected as the winner of our {amount} draw!",
            "Claim your prize now, this offer expires on {day}.",
            "Send us your full name, address and phone number.",
            "No purchase necessary, it is 100% free!",
            "Click here to collect your reward: {link}",
            "Only {number} winners remain, act now!",
            "Your ticket number {number} was drawn in {place}.",
            "A small handling fee of {amount} applies.",
            "Do not share this with anybody until you are paid.",
            "CONGRATULATIONS once again from the prize committee.",
        ),
        0.4, 0.7,
    ),
    Topic(
        (
            "{remedy} at half price", "Lose weight FAST", "Doctors hate this {remedy}",
            "Cheap {luxury} - last chance", "Save 80% on {luxury}", "Feel young again",
        ),
        (
            "Our {remedy} works in only seven days, guaranteed!",
            "Thousands of happy customers cannot be wrong.",
            "Order {luxury} of the best quality for just {amount}.",
            "No prescription needed, discreet shipping worldwide.",
            "Buy two and get one free, today only!",
            "Visit our store at {link}",
            "Limited stock, order before {day}.",
            "You will not believe the results of this {remedy}.",
            "Best prices on the net, save up to 80%.",
            "Risk free trial with full money back guarantee.",
            "To be removed from our list reply with REMOVE.",
        ),
        0.5, 0.8,
    ),
    Topic(
        (
            "Your {bank} account is limited", "Security alert", "Verify your {bank} details",
            "Unusual sign-in from {place}", "Action required: invoice {number}",
        ),
        (
            "We noticed unusual activity on your {bank} account.",
            "Your account will be closed on {day} unless you verify it.",
            "Please confirm your password and card number at {link}",
            "A payment of {amount} is pending, log in to cancel it.",
            "For your security we have limited your access.",
            "Failure to respond will result in suspension.",
            "Click the link below to restore your account: {link}",
            "This is an automatic message from the {bank} security team.",
            "Open the attached invoice {number} to avoid extra charges.",
            "Dear valued customer, your details are out of date.",
        ),
        0.6, 0.9,
    ),
    Topic(
        (
            "Business proposal", "Urgent assistance needed", "Loan approved {amount}",
            "Work from home, {amount} a week", "Confidential", "Dear friend",
        ),
        (
            "I am {name} {surname}, a lawyer in {place}, with a confidential proposal.",
            "My late client left {amount} in a bank without heirs.",
            "You will receive thirty percent for your assistance.",
            "Your loan of {amount} has been approved without credit check!",
            "Earn {amount} a week from home, no experience needed.",
            "Kindly send your bank details to proceed.",
            "This transaction is legal and free of risk.",
            "Reply urgently with your private phone number.",
            "Low interest, bad credit welcome, apply today.",
            "Be your own boss and reach financial freedom!",
            "God bless you and your family.",
        ),
        0.15, 0.4,
    ),
)  # fmt: skip

# Topics that did not exist when the first model was trained.
NEW_HAM = (
    Topic(
        (
            "Your video call with {name}", "Shared folder: {thing}", "Access code {number}",
            "Weekly digest: {project}", "Survey: how was {place}?",
        ),
        (
            "{name} has shared the folder {project} with you, open it at {link}",
            "Your access code is {number}, it is valid for ten minutes.",
            "Join the video call on {day} by this link: {link}",
            "You have {number} unread comments in the workspace.",
            "Tell us how you liked your stay in {place}, it takes two minutes.",
            "Your subscription renews on {day} for {amount}.",
            "Turn on notifications so that you do not miss a reply.",
            "The electric scooter ride from {place} cost {amount}.",
        ),
        0.95, 1.0,
    ),
)  # fmt: skip
NEW_SPAM = (
    Topic(
        (
            "{coin} is EXPLODING", "Double your {coin}", "Parcel on hold - {courier}",
            "Airdrop: claim {number} {coin}", "Remote job offer {amount} A DAY",
        ),
        (
            "Early investors in {coin} made {amount} LAST MONTH!",
            "Connect your wallet at {link} TO CLAIM THE AIRDROP.",
            "Your parcel is held by {courier}, customs of {amount} are due: {link}",
            "Our trading robot turns {amount} into a FORTUNE while you sleep.",
            "Scan the code and like videos for {amount} a day, REMOTE and flexible.",
            "Move your {coin} to the secure vault before {day}!!!",
            "RESCHEDULE your delivery with {courier} within 24 hours.",
            "Message our agent {name} on the chat app for your BONUS.",
        ),
        0.95, 1.0,
    ),
)  # fmt: skip

FREE_MAIL = ("postbox.example", "webmail.example", "mailhaus.example")
HAM_DOMAINS = tuple(
    f"{name}.example"
    for name in (
        "fjord", "oakmarket", "tinker", "northbank", "unity-trust", "city-library", "uni-leeds",
        "lakeside-school", "harbour", "lists.kernelclub", "adler-law", "greenfield", "medlab",
        "rail", "kvik", "pennylane", "bluecrate", "sato-design", "novak-bau", "westwind",
    )
)  # fmt: skip
SPAM_DOMAINS = tuple(
    f"{name}.test"
    for name in (
        "best-offer", "win-now", "pharma4u", "secure-verify", "cheapluxe", "mega-prize", "loanfast",
        "account-check", "promo77", "healthdeal", "quickcash", "topdeal", "alert-center", "bigluck",
        "dailysave", "goldlotto", "trust-fund", "viptrade", "x-bonus", "zeta-mail",
    )
)  # fmt: skip
NEW_DOMAINS = tuple(f"mail{number}.cloudsend.test" for number in range(40))
