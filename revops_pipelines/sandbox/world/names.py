"""Words that the simulated people and companies are named with.

Belongs here: word lists and nothing else. Domains end in `.example`, which no one can own
(RFC 2606); the few free-mail domains are real on purpose, because telling them from company
domains is part of the work.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "Ada Adrian Aiko Alba Alice Amara Amir Ana Anders Anita Anton Aoife Arjun Asha Astrid Ayumi "
    "Beatriz Ben Bianca Bram Camila Carl Carmen Cheng Chloe Clara Daniel Daria David Deepa Diego "
    "Elena Elias Emma Erik Esther Eva Farid Fatima Felix Fiona Freya Gabriel Grace Greta Hana "
    "Hannah Haruto Helena Hiro Hugo Ian Ines Ingrid Irene Isabel Ivan Jack Jana Jasmine Javier "
    "Johanna Jonas Jorge Julia Kaito Karim Karin Kate Kenji Lara Laura Lea Leila Leo Liam Lin "
    "Louise Lucas Luis Mai Marco Maria Mark Marta Mateo Maya Mei Mia Mina Miriam Mohan Nadia "
    "Naomi Nicolas Nina Noah Nora Olga Oliver Omar Oscar Paul Petra Priya Rafael Raj Rebecca "
    "Ren Rita Robin Rosa Ruth Sami Sana Sara Simon Sofia Sven Tara Tariq Tessa Theo Thomas Tom "
    "Uma Vera Victor Viktor Wei Yara Yuki Yusuf Zara Zoe"
)

LAST_NAMES = _words(
    "Abbott Adler Ahmed Alvarez Andersen Arai Bakker Banerjee Barnes Bauer Becker Bell Bianchi "
    "Blake Brandt Byrne Campos Carter Castro Chandra Chen Cole Costa Cruz Dahl Das Diaz Dubois "
    "Eklund Ellis Endo Evans Farrell Fischer Flores Foster Fujita Garcia Gomez Graf Grant Gupta "
    "Haas Hansen Harris Hayashi Hoffman Holm Hughes Ibrahim Ito Iyer Jansen Jensen Joshi Kaur "
    "Keller Khan Kim Klein Kobayashi Koch Kowalski Kumar Lang Larsen Lee Lehmann Lewis Li Lindberg "
    "Lopez Maier Martin Mehta Meyer Miller Moreau Moreno Mori Murphy Nair Navarro Nguyen Nielsen "
    "Novak Olsen Ortiz Osei Patel Perez Peters Pohl Quinn Ramos Rao Reyes Ricci Romano Rossi Roy "
    "Ruiz Ryan Saito Santos Sato Schmidt Schwarz Shah Silva Singh Sommer Stein Suzuki Takeda "
    "Tanaka Torres Vargas Vogel Wagner Walsh Wang Weber White Winter Wolf Wong Yamada Young Zhang"
)

COMPANY_FIRST = _words(
    "Acorn Alder Amber Anchor Apex Arbor Aspen Atlas Aurora Azure Bayview Beacon Birch Bluebird "
    "Bolt Bramble Bridge Brook Canyon Cedar Cinder Clear Cloud Cobalt Compass Copper Coral Crest "
    "Crown Dawn Delta Drift Dune Eagle Echo Elm Ember Ever Falcon Fern Field Flint Fjord Forge "
    "Garnet Glacier Granite Grove Harbor Hazel Hawk Helio Heron High Indigo Iron Ivory Juniper "
    "Keystone Lantern Larch Laurel Lumen Lunar Maple Meridian Mint Mosaic Noble North Nova Oak "
    "Ocean Olive Onyx Opal Orbit Orchid Osprey Palm Pebble Pine Pioneer Prairie Quartz Quill "
    "Rain Raven Red Ridge River Robin Rowan Saffron Sage Salt Sequoia Silver Slate Solar Spruce "
    "Star Sterling Stone Summit Swift Tamar Thistle Tide Timber Topaz Union Vale Vertex Violet "
    "Vista Walnut Wave West Willow Wind Wren Zephyr"
)

COMPANY_SECOND = _words(
    "Analytics Apparel Automation Bio Capital Care Commerce Components Consulting Data Design "
    "Diagnostics Dynamics Education Electric Energy Engineering Finance Foods Freight Health "
    "Hospitality Industries Insurance Interactive Labs Learning Logistics Machines Manufacturing "
    "Marine Materials Media Medical Mobility Motors Networks Optics Outdoor Packaging Partners "
    "Payments Pharma Power Realty Research Retail Robotics Security Semiconductors Services "
    "Software Studios Supply Systems Telecom Textiles Therapeutics Tools Travel Ventures Works"
)

JOB_TITLES = (
    "Chief Executive Officer",
    "Chief Financial Officer",
    "Chief Revenue Officer",
    "VP Sales",
    "VP Marketing",
    "VP Finance",
    "Head of Revenue Operations",
    "Head of Growth",
    "Director of Sales Operations",
    "Director of Finance",
    "Marketing Manager",
    "Sales Operations Manager",
    "Billing Manager",
    "Finance Analyst",
    "Data Analyst",
    "Revenue Operations Analyst",
    "Software Engineer",
    "Office Manager",
    "Student",
)

FREE_MAIL_DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.de", "qq.com")
