"""General text: forty short paragraphs of ordinary prose, written for this purpose, on forty different matters.

A checkpoint's loss on it, against the base model's, tells what fine-tuning has cost the model beside its task. The text
is fixed: a change of a word would break the comparison between the nodes of one study.
"""

from __future__ import annotations

_TEXT = """
The ferry leaves the north pier at seven in the morning and comes back shortly after dark. In summer there are three
more crossings, and the deck is full of bicycles. The captain, who has done this for twenty years, still waves to the
lighthouse.

To make a simple soup, cut two onions and a carrot into small pieces and fry them slowly in butter. Add water, a little
salt and the bones of a chicken. After an hour take out the bones and taste before you add more salt.

A bridge carries its load either by pushing or by pulling. An arch pushes against its two ends, so the ground there has
to be firm. A cable pulls, and must be tied to something heavy that will not move.

The committee met on Tuesday to discuss the new parking rules. Most residents were in favour, but several shopkeepers
feared that customers would stay away. It was agreed to try the rules for six months and then to vote again.

When a liquid evaporates, the fastest molecules leave first, and those that stay behind are slower on average. This is
why a wet cloth feels cool in the wind. The same effect keeps us from overheating when we run.

My grandmother kept her letters in a tin box under the stairs. They were tied together by year with green ribbon. After
the flood only the upper layer could be read, and even there the ink had run.

The company reported that sales rose by four percent in the third quarter, mostly because of a good harvest. Costs rose
as well, so the profit was almost the same as a year before. The board expects a quiet winter.

Wolves were seen in the valley for the first time in eighty years. Farmers have started to keep their sheep indoors at
night, and some have bought large dogs. Biologists say that the pack has no more than five animals.

She learned to play the cello at the age of nine, because the school had one and nobody else wanted it. By sixteen she
was teaching younger pupils. She says that patience matters more than talent, at least in the first years.

The old town hall burned down in the spring of 1731 and was rebuilt in stone. Its tower holds four bells, of which the
largest is rung only at funerals. Visitors may climb the stairs on Sundays for a small fee.

Before you paint a wall, wash it and let it dry for a day. Fill the cracks, sand them smooth, and cover the floor with
paper. Two thin coats look better than a thick one, and they last longer too.

Light from the nearest star takes more than four years to reach us. If it went out tonight, we would still see it in
the sky until then. Every look upward is therefore a look into the past.

The witness said that she had heard a loud noise at about ten, followed by a car driving away quickly. She had not seen
the driver. The judge asked whether the street lamp had been lit, and she was not sure.

Bread needs only flour, water, salt and time. The dough should rest in a warm place until it has doubled in size. If you
press it with a finger and the mark stays, it is ready for the oven.

The treaty divided the river between the two kingdoms, but it said nothing about the islands. For a century fishermen
from both banks used them and quarrelled. In the end a queen who liked peace gave hers away.

Children who are read to in the evening know more words when they start school. It does not seem to matter much what is
read, as long as they can ask questions. Ten minutes a day appear to be enough.

The train was late again, and the waiting room was cold. A man in a grey coat was explaining the rules of chess to a boy
who clearly knew them already. Nobody told him so, and the boy let him win.

Copper is soft enough to be drawn into a thin wire and carries electricity well. Only silver does better, but it costs
far more. In the open air copper slowly turns green, as you can see on old roofs.

We planted the apple trees too close to one another, which we noticed only ten years later. Now every second one has to
go. The wood will be dried and carved into spoons, so nothing is lost.

The festival opens on Friday with a concert in the park, and entrance is free. On Saturday there are workshops for
children, and in the evening the usual fireworks. If it rains, everything moves to the sports hall.

In the first chapter the detective finds a glove that belongs to nobody in the house. The reader soon guesses whose it
is, and is wrong. It is an old trick, but here it is played with great skill.

A good map leaves out almost everything. What is left depends on who will use it: a walker needs paths and springs, a
pilot needs masts and towers. A map that showed all of it would be as useless as none.

The doctor told him to walk for half an hour every day and to eat less salt. He did the first and forgot the second. At
the next visit his blood pressure was a little lower, and he was very proud.

Rain fell for eleven days without a break, and the cellar filled up to the third step. We carried the potatoes to the
attic. When the sun came out at last, the whole street smelled of wet earth and old wood.

Bees find their way by the position of the sun, even when it is behind clouds. Back in the hive they dance to tell the
others where the flowers are. The length of the dance stands for the distance.

The museum has bought a small painting of a harbour that was thought to be lost. It had hung for years in a kitchen,
behind a calendar. Cleaning it took eight months, and a second boat appeared from under the dirt.

If you lend money to a friend, write down how much and when it is due. It is not a sign of mistrust. On the contrary, a
clear note saves both of you from having to remember, and from remembering different things.

The team lost its first five matches and then, to everybody's surprise, won the next nine. The coach had changed very
little. He only asked the players to talk to each other more, on the field and off it.

Glass is made from sand, soda and lime, melted together at a great heat. While it is soft it can be blown, pressed or
poured. It has to cool down slowly, otherwise it will crack for no visible reason days later.

The village has a school with two classes, a shop that opens in the mornings, and a bus that comes four times a day. The
young people leave when they are eighteen. Some of them return when they have children of their own.

Nobody knew who had built the stone circle on the hill. Some thought it was a calendar, others a place for markets. The
shepherds, who slept there in summer, did not think about it at all.

To measure the height of a tree, wait until your own shadow is as long as you are tall. At that moment the shadow of the
tree is as long as the tree is high. All you need then is a long piece of string.

The library will be closed for three weeks while the heating is repaired. Books can be returned through the slot beside
the door, and no fines will be charged for that time. The reading group meets in the café instead.

Sailors used to carry lemons on long voyages, because they had seen that the men who ate them did not fall ill. They had
no idea why it worked. The reason was found only much later, in a laboratory far from the sea.

His brother repairs clocks in a workshop that is hardly wider than the door. He says that most of them are not broken
but only dirty. People pay him anyway, and come back for the conversation.

The new law allows shops to open on two Sundays a year. Unions had asked for none, and the owners for twelve. Both sides
called the result a disappointment, which the minister took as a good sign.

Salt lowers the temperature at which water freezes, so it is spread on roads in winter. When it is very cold it no
longer helps, and sand is used instead. Gardeners dislike both of them, for different reasons.

The actress forgot her lines in the second act and calmly poured herself a cup of tea. The audience thought that it was
part of the play. By the time she had drunk it, she had remembered.

A desert is not defined by heat but by the lack of rain. The largest one on earth is covered with ice. Some deserts
bloom for a week every few years, and then nobody who sees them believes that they are deserts.

We agreed to sell the house to the couple with the piano. They did not offer the highest price, but they liked the
garden and promised to keep the pear tree. Last autumn they sent us a box of the fruit.
"""
PROSE = tuple(" ".join(paragraph.split()) for paragraph in _TEXT.strip().split("\n\n"))
"""The paragraphs, 35 to 50 words each."""
