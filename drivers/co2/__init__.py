"""How much CO2 a kilowatt-hour from the grid stands for."""
