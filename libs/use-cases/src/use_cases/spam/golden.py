"""Mails that exercise every branch of the feature code; a release keeps the features they gave."""

GOLDEN = (
    {"email_id": "empty", "subject": "", "body": "", "sender": ""},
    {
        "email_id": "plain",
        "subject": "Minutes of Monday's call",
        "body": "Hi all,\n\nthe minutes are below. Next call: 9 May, 14:30.\n\nBest,\nRuth",
        "sender": "Ruth Weber <ruth.weber@example.org>",
    },
    {
        "email_id": "markup",
        "subject": "Your parcel",
        "body": "<html><style>p {color: red}</style><body><p class='x'>It&#39;s &amp; was "
        "<b>here</b></p><script>if (1 < 2) { go(); }</script><br/></body></html>",
        "sender": "news@shop.example",
    },
    {
        "email_id": "links",
        "subject": "See www.example.com/offers",
        "body": "http://a.example/?id=17&x=1 and HTTPS://B.EXAMPLE, write to Me.You@c.example "
        "<d@e.example>",
        "sender": '"Offers, daily" <offers@mail.example.com>',
    },
    {
        "email_id": "money",
        "subject": "RE: $1,000 or £20 or €30 or ¥4000??",
        "body": "Only $ 9.95!!! Call 0800-123456 NOW. 100% free.",
        "sender": "PROMO@EXAMPLE.NET",
    },
    {
        "email_id": "emoji",
        "subject": "\U0001f389 Grüße aus Zürich \U0001f469\u200d\U0001f4bb",
        "body": "naïve café \uff26\uff32\uff25\uff25 \u0441\u043f\u0430\u043c \u514d\u8d39",
        "sender": "jürgen@bücher.example",
    },
    {"email_id": "nul", "subject": "a\x00b", "body": "\x00\x01c\x7f\r\nd\te", "sender": "\x00@x"},
    {"email_id": "long", "subject": "long", "body": "lorem ipsum 42 " * 2_000, "sender": "a@b.c"},
    {"email_id": "capitals", "subject": "URGENT", "body": "READ THIS " * 8, "sender": "x"},
    {"email_id": "unclosed", "subject": "1 < 2 & 3 > 2", "body": "<a href=<b", "sender": "a@"},
    {
        "email_id": "spaces",
        "subject": "   ",
        "body": "\n\n\n\t \u00a0",
        "sender": " <y@z.example> ",
    },
    {"email_id": "short", "subject": "", "body": "ok", "sender": "no address"},
    {
        "email_id": "topics",
        "subject": "Act now: free trial, no cost, no prescription",
        "body": "Dear friend, you won the lottery. Click here to verify your account, txt STOP to "
        "unsubscribe, credit card debt, strong buy penny stock, casino, hot girls, your own boss.",
        "sender": "win@prize.example",
    },
    {
        "email_id": "conversation",
        "subject": "Re: [list] kernel patch",
        "body": "On Monday Ann wrote:\n> I think the source code is wrong\nThanks, my wife and I "
        "were home; the meeting is next week, please find attached the draft. Best regards",
        "sender": "ann@lists.example",
    },
)
